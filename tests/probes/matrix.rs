//! What was answered: a row a phase, a column a name that can be asked for.

use std::{fmt, net::SocketAddr};

use crate::kubelet::{Answer, check};

const SERVICES: [&str; 4] = ["", "nanokv.v1.KvService", "liveness", "another"];

#[derive(Default)]
pub(crate) struct Matrix(Vec<(&'static str, Vec<Answer>)>);

impl Matrix {
    /// Asks for every name and keeps the answers.
    pub(crate) async fn ask(&mut self, phase: &'static str, address: SocketAddr) {
        let mut answers = Vec::new();
        for service in SERVICES {
            answers.push(check(address, service).await);
        }
        self.0.push((phase, answers));
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, ready, live, another] = SERVICES;
        writeln!(
            formatter,
            "{:<34}  {:<13}  {ready:<19}  {live:<13}  {another}",
            "phase", "(server)"
        )?;
        for (phase, answers) in &self.0 {
            let [server, ready, live, another] = answers[..] else {
                return Err(fmt::Error);
            };
            writeln!(
                formatter,
                "{phase:<34}  {server:<13}  {ready:<19}  {live:<13}  {another}"
            )?;
        }
        Ok(())
    }
}
