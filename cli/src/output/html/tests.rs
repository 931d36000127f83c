//! The page as a whole: what it holds, and what it can never hold.

use super::*;
use crate::output::text::samples;

fn page(report: &Report) -> String {
    super::report(report, &samples::facts(), &Config::default(), None)
}

#[test]
fn the_page_fetches_nothing_and_allows_only_its_own_style_and_script() {
    let page = page(&samples::report());
    assert!(page.contains("default-src &#39;none&#39;"));
    assert!(page.contains(&digest(STYLE)) && page.contains(&digest(SCRIPT)));
    for forbidden in ["http://", "https://", "url(", "@import", " src=", " style=", " onclick="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn the_page_tells_each_finding_with_its_evidence_filter_caveats_and_remedy() {
    let report = samples::report();
    let page = page(&report);
    for finding in &report.findings {
        for text in [&finding.title, &finding.wireshark_filter, &finding.subject.id] {
            assert!(page.contains(&*crate::output::clean::html(text)), "{text}");
        }
        for text in finding.caveats.iter().chain(finding.evidence.iter().map(|evidence| &evidence.note)) {
            assert!(page.contains(&*crate::output::clean::html(text)), "{text}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let page = page(&samples::report());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for anchor in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&anchor), "{anchor}");
    }
}

#[test]
fn elements_are_closed_in_order_and_ids_are_unique() {
    let page = page(&samples::report());
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let before = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), before);

    let markup = page.replace(STYLE, "").replace(SCRIPT, "");
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if matches!(name, "meta" | "!DOCTYPE") => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
