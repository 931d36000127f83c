//! The table of IMAP accounts, each with the line of its open sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use sibtrace::facts::{ImapFacts, Level};
use sibtrace::flow::Moment;
use sibtrace::time::{Timestamp, spoken};
use sibtrace::{Config, Facts};
use unicode_width::UnicodeWidthStr;

use super::page::Page;
use super::style::{DIM, Detail, Style};
use super::timeline::Scale;
use crate::output::clean;

/// Rows that the table shows unless all are asked for.
const ROWS: usize = 20;
/// Characters of a line of time.
const LINE: usize = 32;
/// Heights of a line of time, from nothing to the peak.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A log-in was refused here.
const REFUSED: char = '×';

/// Who logs in, how many sessions were open at once, and what was refused when.
pub(crate) fn table(page: &mut Page, facts: &Facts, config: &Config, style: &Style) {
    // With two vantage points, the Cisco side tells what arrived.
    let Some(vantage) = facts.vantages.last() else {
        return;
    };
    let ends = (vantage.coverage.first, vantage.coverage.last);
    let (rows, (Some(first), Some(last))) = (rows(&vantage.imap, config), ends) else {
        return;
    };
    if !rows.is_empty() {
        show(page, rows, (first.time, last.time), style);
    }
}

/// What the table says of an account on a server.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) account: String,
    pub(crate) server: IpAddr,
    pub(crate) sessions: usize,
    pub(crate) refused: Vec<Timestamp>,
    pub(crate) limit: Option<u64>,
    pub(crate) open: Level,
    /// Most sessions that each client had open at once.
    clients: BTreeMap<IpAddr, u64>,
}

impl Row {
    /// Its place among others: most refusals first, then most sessions.
    pub(crate) fn rank(&self) -> std::cmp::Reverse<(usize, u64)> {
        std::cmp::Reverse((self.refused.len(), self.peak()))
    }

    /// Most sessions that were open at once.
    pub(crate) fn peak(&self) -> u64 {
        self.open.peak().map_or(0, |(_, count)| count)
    }

    /// Clients by the number of their sessions: agents have pairs.
    pub(crate) fn whose(&self) -> String {
        let with = |number: fn(u64) -> bool| self.clients.values().filter(|count| number(**count)).count();
        let words = [
            (with(|count| count == 2), "pair", "pairs"),
            (with(|count| count == 1), "single", "singles"),
            (with(|count| count > 2), "with more", "with more"),
        ];
        let said = words.iter().filter(|(number, ..)| *number > 0);
        let said =
            said.map(|(number, one, many)| format!("{number} {}", if *number == 1 { one } else { many }));
        said.collect::<Vec<_>>().join(", ")
    }
}

/// When the sessions of each client were open.
type Stays = BTreeMap<IpAddr, Vec<(Moment, Option<Moment>)>>;

/// The accounts that logged in or were refused.
pub(crate) fn rows(imap: &ImapFacts, config: &Config) -> Vec<Row> {
    let mut stays: BTreeMap<(&str, IpAddr), Stays> = BTreeMap::new();
    for session in &imap.sessions {
        if let (Some(account), Some(from)) = (session.account.as_deref(), session.authenticated) {
            let own = stays.entry((account, session.server.ip)).or_default();
            own.entry(session.client.ip).or_default().push((from, session.closed));
        }
    }
    let mut refused: BTreeMap<(&str, IpAddr), Vec<Timestamp>> = BTreeMap::new();
    for row in imap.rows.iter().filter(|row| row.is_refused_login()) {
        if let Some(account) = row.login.as_ref().and_then(|login| login.account.as_deref()) {
            refused.entry((account, row.server.ip)).or_default().push(row.settled().time);
        }
    }
    let keys: BTreeSet<(&str, IpAddr)> = stays.keys().chain(refused.keys()).copied().collect();
    let mut rows = Vec::new();
    for (account, server) in keys {
        let stays = stays.remove(&(account, server)).unwrap_or_default();
        let peak = |stays| Level::of(stays).peak().map_or(0, |(_, count)| count);
        rows.push(Row {
            account: account.to_owned(),
            server,
            sessions: stays.values().map(Vec::len).sum(),
            refused: refused.remove(&(account, server)).unwrap_or_default(),
            limit: config.imap_limits.user.or_else(|| imap.servers.get(&server)?.defaults()?.user),
            open: Level::of(stays.values().flatten().copied()),
            clients: stays.into_iter().map(|(client, stays)| (client, peak(stays))).collect(),
        });
    }
    rows
}

fn show(page: &mut Page, mut rows: Vec<Row>, ends: (Timestamp, Timestamp), style: &Style) {
    page.heading("E-mail accounts");
    rows.sort_by_key(Row::rank);
    let hidden = match style.detail {
        Detail::Full => 0,
        _ => rows.len().saturating_sub(ROWS),
    };
    rows.truncate(rows.len() - hidden);

    let columns = columns(&rows, page.width());
    let used: usize = columns.iter().map(|column| width(column, &rows) + 2).sum();
    let room = page.width().saturating_sub(used).clamp(1, LINE);
    let span = ends.1.since(ends.0).max(1);
    let scale = Scale::new(ends.0, ends.1, span / room as i64 + 1, room);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .enforce_styling();
    let head = |column: &Column| aligned(column, Cell::new(column.name));
    table.set_header(columns.iter().map(head).chain([Cell::new("open sessions")]));
    for row in &rows {
        let cell = |column: &Column| {
            let cell = aligned(column, Cell::new((column.text)(row)));
            if column.name == "refused" && !row.refused.is_empty() { cell.fg(Color::Red) } else { cell }
        };
        table.add_row(columns.iter().map(cell).chain([Cell::new(line(&scale, row))]));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        page.line(&line);
    }
    if hidden > 0 {
        page.paragraph(0, &format!("{DIM}and {hidden} more with fewer refusals (-v shows all){DIM:#}"));
    }
    let each = spoken(scale.seconds());
    let legend = format!(
        "one character is {each}: sessions that were open, █ is the peak  {REFUSED} a log-in was refused; a pair is a \
         client with two sessions at once, as an agent has"
    );
    page.paragraph(0, &format!("{DIM}{legend}{DIM:#}"));
}

/// The open sessions as heights, with the refusals marked.
fn line(scale: &Scale, row: &Row) -> String {
    let peak = row.peak().max(1);
    let mut highest = vec![0u64; scale.cells()];
    let mut from = 0;
    let mut now = 0;
    for (at, count) in row.open.steps() {
        let cell = scale.index(at.time);
        for between in &mut highest[from..=cell] {
            *between = now.max(*between);
        }
        (from, now) = (cell, *count);
        highest[cell] = now.max(highest[cell]);
    }
    for rest in &mut highest[from..] {
        *rest = now.max(*rest);
    }
    let top = HEIGHTS.len() as u64 - 1;
    let mut line: Vec<char> =
        highest.into_iter().map(|count| HEIGHTS[(count.min(peak) * top).div_ceil(peak) as usize]).collect();
    for refused in &row.refused {
        line[scale.index(*refused)] = REFUSED;
    }
    line.into_iter().collect()
}

/// A column of the table.
struct Column {
    name: &'static str,
    text: fn(&Row) -> String,
    is_number: bool,
}

fn columns(rows: &[Row], page: usize) -> Vec<Column> {
    let column = |name, text| Column { name, text, is_number: false };
    let number = |name, text| Column { name, text, is_number: true };
    let mut columns = vec![
        column("account", |row| clean::text(&row.account).into_owned()),
        column("server", |row| row.server.to_string()),
        number("sessions", |row| row.sessions.to_string()),
        number("peak", |row| row.peak().to_string()),
        number("refused", |row| row.refused.len().to_string()),
        number("limit", |row| row.limit.map_or_else(String::new, |limit| limit.to_string())),
        column("clients", Row::whose),
    ];
    for dropped in ["server", "clients", "sessions", "limit"] {
        let used: usize = columns.iter().map(|column| width(column, rows) + 2).sum();
        if used + LINE / 2 <= page {
            break;
        }
        columns.retain(|column| column.name != dropped);
    }
    columns
}

fn width(column: &Column, rows: &[Row]) -> usize {
    let widest = rows.iter().map(|row| (column.text)(row).width()).max().unwrap_or(0);
    widest.max(column.name.width())
}

fn aligned(column: &Column, cell: Cell) -> Cell {
    if column.is_number { cell.set_alignment(CellAlignment::Right) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;
    use expect_test::expect;
    use sibtrace::flow::FrameId;

    #[test]
    fn an_account_shows_its_sessions_and_refusals() {
        let at = |minute: i64| Timestamp::new(60 * minute, 0);
        let moment = |minute: i64| Moment { frame: FrameId::new(0, minute as u64 + 1), time: at(minute) };
        let open = (0..16).map(|number| (moment(number), Some(moment(60 - number / 2))));
        let row = Row {
            account: "uccxmail".to_owned(),
            server: IpAddr::from([10, 0, 0, 1]),
            sessions: 16,
            refused: vec![at(30), at(36)],
            limit: Some(16),
            open: Level::of(open),
            clients: [(IpAddr::from([10, 0, 1, 1]), 2), (IpAddr::from([10, 0, 1, 2]), 1)].into(),
        };
        let mut page = Page::new(100);
        show(&mut page, vec![row], (at(0), at(64)), &samples::style(100));
        let text = anstream::adapter::strip_str(&page.into_text()).to_string();
        expect![[r#"
            E-mail accounts
            account   server    sessions  peak  refused  limit  clients           open sessions
            uccxmail  10.0.0.1        16    16        2     16  1 pair, 1 single  ▂▃▄▅▆▇████████×█×████████▇▅▃▁
            one character is 2 min 8 s: sessions that were open, █ is the peak  × a log-in was refused; a pair
            is a client with two sessions at once, as an agent has
        "#]].assert_eq(&text);
    }
}
