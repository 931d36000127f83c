//! Files of trusted certificates.

use std::str::FromStr;

use sibtrace::proto::x509::Certificate;

/// The certificates of a PEM file, in DER.
#[derive(Clone, Debug)]
pub(crate) struct TrustFile(pub(crate) Vec<Vec<u8>>);

impl FromStr for TrustFile {
    type Err = String;

    /// Reads the file of that name.
    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let read = Certificate::read_pem(&text);
        if let Some(number) = read.iter().position(|certificate| certificate.fields.is_none()) {
            return Err(format!("certificate {} in it cannot be read", number + 1));
        }
        if read.is_empty() {
            return Err(
                "there is no certificate in it; PEM is expected (-----BEGIN CERTIFICATE-----)".to_owned()
            );
        }
        Ok(TrustFile(read.into_iter().map(|certificate| certificate.der.to_vec()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let this = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(this.parse::<TrustFile>().unwrap_err().contains("PEM"));
        assert!("no/such/file.pem".parse::<TrustFile>().is_err());
    }
}
