//! The messages of the contract to what the model knows, and back. Every rule
//! of the contract on a field is held here or in the model's own constructors.

mod field;
pub mod once;
pub mod page_token;
pub mod request;
pub mod response;
pub mod time;
pub mod watch;
