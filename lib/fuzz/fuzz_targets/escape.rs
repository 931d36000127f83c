#![no_main]
//! Captured text made safe. The command line is no library: its module is read from where it stands.

#[allow(dead_code)]
#[path = "../../../cli/src/output/clean.rs"]
mod clean;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let acts = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    let line = clean::bytes(data);
    assert!(!line.contains(acts), "{line}");
    let captured = String::from_utf8_lossy(data);
    let line = clean::text(&captured);
    assert!(!line.contains(acts), "{line}");
    assert_eq!(clean::text(&line), line, "what is safe stays as it is");
    let block = clean::lines(&captured);
    assert!(!block.replace('\n', "").contains(acts), "{block}");
    let html = clean::html(&captured);
    assert!(!html.contains(['<', '>', '"', '\'']) && !html.contains(acts), "{html}");
    let cell = clean::cell(&captured);
    assert!(!cell.starts_with(['=', '+', '-', '@']) && !cell.contains(acts), "{cell}");
    let json = serde_json::to_string_pretty(&[&captured]).expect("text is JSON");
    let json = clean::json(&json);
    assert!(!json.replace('\n', "").contains(acts), "{json}");
    let [read] = serde_json::from_str::<[String; 1]>(&json).expect("it stays JSON");
    assert_eq!(read, captured);
});
