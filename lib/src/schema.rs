//! JSON Schemas (draft 2020-12) of what sibtrace writes, generated from the types. They are shipped in `lib/schema/`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::records::{
    ConnectionRecord, EwsRecord, ImapRecord, Kind, MapiRecord, NotificationRecord, PairRecord,
    ReachabilityRecord, SmtpRecord, SubscriptionRecord, TlsRecord,
};
use crate::report::Report;
use crate::rules::Finding;

/// The schema of a report.
pub fn report() -> Value {
    of::<Report>()
}

/// The schema of a finding, as it stands alone on a line of `ndjson`.
pub fn finding() -> Value {
    of::<Finding>()
}

/// The schema of a record.
pub fn record(kind: Kind) -> Value {
    match kind {
        Kind::Notifications => of::<NotificationRecord>(),
        Kind::Subscriptions => of::<SubscriptionRecord>(),
        Kind::Imap => of::<ImapRecord>(),
        Kind::Smtp => of::<SmtpRecord>(),
        Kind::Mapi => of::<MapiRecord>(),
        Kind::Tls => of::<TlsRecord>(),
        Kind::Ews => of::<EwsRecord>(),
        Kind::Connections => of::<ConnectionRecord>(),
        Kind::Pairs => of::<PairRecord>(),
        Kind::Reachability => of::<ReachabilityRecord>(),
    }
}

/// The fields that every record of a kind has, in their order.
pub fn fields(kind: Kind) -> Vec<String> {
    let schema = record(kind);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, _)| name.clone()).filter(|name| required.contains(&name.as_str())).collect()
}

/// What is written, not what would be accepted: a key that may be `null` is there.
fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    fn shipped(name: &str, schema: &Value) {
        let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
        expect_file![format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
    }

    /// `UPDATE_EXPECT=1 cargo test -p sibtrace --features schema schema` writes them anew.
    #[test]
    fn the_shipped_schemas_are_those_of_the_types() {
        shipped("report", &report());
        shipped("finding", &finding());
        for kind in Kind::ALL {
            shipped(kind.name(), &record(kind));
        }
    }

    #[test]
    fn a_records_fields_come_in_the_order_of_the_rows() {
        let fields = fields(Kind::Connections);
        assert_eq!(fields[..6], ["capture", "frame", "time", "stream", "orig_ip", "orig_port"]);
        assert_eq!(fields.last().map(String::as_str), Some("conflicting"));
    }
}
