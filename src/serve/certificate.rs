//! Whom a certificate names.

use x509_cert::{
    Certificate,
    der::{
        Decode, Tag, Tagged,
        asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef},
        oid::db::rfc4519::COMMON_NAME,
    },
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// The names of a certificate that was verified: hosts, URIs and mail addresses
/// among its alternative names; where it has none of these, its common name.
/// None, where it cannot be read.
#[must_use]
pub fn names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(der) else {
        return Vec::new();
    };
    let alternative = certificate.tbs_certificate.get::<SubjectAltName>();
    let others: Vec<String> = match alternative {
        Ok(Some((_, SubjectAltName(all)))) => all.iter().filter_map(name).collect(),
        Ok(None) => Vec::new(),
        Err(_) => return Vec::new(),
    };
    if others.is_empty() {
        common_names(&certificate)
    } else {
        others
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name)
        | GeneralName::UniformResourceIdentifier(name)
        | GeneralName::Rfc822Name(name) => Some(name.to_string()),
        _ => None,
    }
}

fn common_names(certificate: &Certificate) -> Vec<String> {
    let parts = certificate.tbs_certificate.subject.0.iter();
    parts
        .flat_map(|part| part.0.iter())
        .filter(|part| part.oid == COMMON_NAME)
        .filter_map(|part| match part.value.tag() {
            Tag::Utf8String => {
                let text = Utf8StringRef::try_from(&part.value).ok()?;
                Some(text.as_str().to_owned())
            }
            Tag::PrintableString => {
                let text = PrintableStringRef::try_from(&part.value).ok()?;
                Some(text.as_str().to_owned())
            }
            Tag::Ia5String => {
                let text = Ia5StringRef::try_from(&part.value).ok()?;
                Some(text.as_str().to_owned())
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, string::Ia5String};

    use super::*;

    fn certified(common_name: DnValue, others: Vec<SanType>) -> Vec<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.subject_alt_names = others;
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        names(certificate.der())
    }

    #[test]
    fn alternative_names_stand_before_the_common_one() {
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        let common = || DnValue::Utf8String("common".to_owned());
        assert_eq!(certified(common(), Vec::new()), ["common"]);
        let printable = DnValue::PrintableString("printed".try_into().unwrap());
        assert_eq!(certified(printable, Vec::new()), ["printed"]);
        let others = vec![
            SanType::DnsName(text("orders.internal")),
            SanType::URI(text("spiffe://internal/orders")),
            SanType::Rfc822Name(text("orders@internal")),
        ];
        assert_eq!(
            certified(common(), others),
            [
                "orders.internal",
                "spiffe://internal/orders",
                "orders@internal"
            ]
        );
        assert!(names(b"nothing").is_empty());
    }
}
