//! What lies between two captures: a picture of the path, what happened to what, and how the clocks stand.

use sibtrace::Report;
use sibtrace::report::{Path, Resets};
use sibtrace::time::spoken;

use super::header::count;
use super::page::Page;
use super::style::{AMISS, BOLD, GOOD};

/// The path between the two ends; nothing for one capture.
pub(crate) fn picture(page: &mut Page, report: &Report) {
    let Some(path) = &report.path else { return };
    page.heading("The path");
    let lost = match path.lost {
        0 => String::new(),
        lost => format!("   {AMISS}{lost} lost{AMISS:#}"),
    };
    let [sent, received, answered, returned] =
        [path.sent, path.received, path.answered, path.returned].map(|number| number.to_string());
    let widest = [&sent, &returned].map(String::len).into_iter().max().unwrap_or(0);
    page.line(&format!("  {BOLD}Exchange{BOLD:#}  {sent:>widest$} sent      ---->  {received} received  {BOLD}Cisco{BOLD:#}{lost}"));
    page.line(&format!("            {returned:>widest$} came back <----  {answered} answered"));
    let kinds = |kinds: &std::collections::BTreeMap<String, u64>| {
        let mut kinds: Vec<_> = kinds.iter().filter(|(_, number)| **number > 0).collect();
        kinds.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        kinds.into_iter().map(|(kind, number)| format!("{number} {kind}")).collect::<Vec<_>>().join(", ")
    };
    let tables = [("notified", kinds(&path.pairs)), ("others", kinds(&path.connections))];
    for (label, kinds) in tables.iter().filter(|(_, kinds)| !kinds.is_empty()) {
        page.field(label, kinds);
    }
    if path.resets != Resets::default() {
        page.field("resets", &resets(&path.resets));
    }
    if let Some(added) = path.added_latency_us {
        let [half, nine, most] = [added.p50, added.p90, added.p99].map(short);
        page.field(
            "latency",
            &format!("{half} added by the way for half of them; {nine} for 90 %, {most} for 99 % at most"),
        );
    }
    page.field("clocks", &clocks(path));
}

/// Who reset connections, in a sentence.
pub(crate) fn resets(resets: &Resets) -> String {
    let by = [
        (resets.exchange, "by the Exchange side"),
        (resets.cuc, "by the Cisco side"),
        (resets.between, "by something between"),
    ];
    let by = by.iter().filter(|(number, _)| *number > 0).map(|(number, who)| format!("{number} {who}"));
    by.collect::<Vec<_>>().join(", ")
}

/// How the clocks stand, in a sentence.
pub(crate) fn clocks(path: &Path) -> String {
    let (Some(offset), Some(doubt)) = (path.clock_offset_us, path.clock_uncertainty_us) else {
        return format!(
            "{AMISS}unknown:{AMISS:#} nothing that both captures saw tells how far they are apart, so what is missing \
             at one of them is not called lost"
        );
    };
    let [apart, doubt] = [offset, doubt].map(|micros| short(micros.saturating_abs()));
    let mut text = match offset {
        _ if offset.abs() <= path.clock_uncertainty_us.unwrap_or(0) => {
            format!("{GOOD}the same{GOOD:#} within {doubt}")
        }
        1.. => format!("Exchange's is {apart} ahead, give or take {doubt}"),
        _ => format!("Exchange's is {apart} behind, give or take {doubt}"),
    };
    if let Some(hours) = path.time_zone_h {
        text += &format!("; {} looks like a wrong time zone", spoken(hours.abs() * 3600.0));
    }
    if let Some(drift) = path.clock_drift_ppm {
        let way = if drift > 0.0 { "faster" } else { "slower" };
        text += &format!("; it runs {:.0} millionths {way}", drift.abs());
    }
    if path.clock_jumps > 0 {
        text += &format!("; one of them was set {}", count(path.clock_jumps, "time", "times"));
    }
    text
}

/// Microseconds in words.
pub(crate) fn short(micros: i64) -> String {
    match micros {
        ..10_000 => format!("{micros} µs"),
        _ => spoken(micros as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    fn shown(change: impl FnOnce(&mut Path)) -> String {
        let mut path = Path::default();
        change(&mut path);
        let mut report = samples::report();
        report.path = Some(path);
        let mut page = Page::new(100);
        picture(&mut page, &report);
        anstream::adapter::strip_str(&page.into_text()).to_string()
    }

    #[test]
    fn the_path_is_a_picture_with_its_losses_and_clocks() {
        let text = shown(|path| {
            (path.sent, path.received, path.lost, path.answered, path.returned) = (80, 78, 2, 78, 78);
            path.pairs.insert("source-nat".to_owned(), 78);
            path.pairs.insert("lost".to_owned(), 2);
            path.pairs.insert("direct".to_owned(), 0);
            path.resets = Resets { between: 2, ..Resets::default() };
            (path.clock_offset_us, path.clock_uncertainty_us) = (Some(-7_200_000_000), Some(20_000));
            path.time_zone_h = Some(-2.0);
        });
        expect_test::expect![[r#"
            The path
              Exchange  80 sent      ---->  78 received  Cisco   2 lost
                        78 came back <----  78 answered
              notified  78 source-nat, 2 lost
              resets    2 by something between
              clocks    Exchange's is 2 h behind, give or take 20 ms; 2 h looks like a wrong time zone
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn unknown_clocks_are_said() {
        assert!(shown(|_| ()).contains("clocks    unknown: nothing that both captures saw"));
    }
}
