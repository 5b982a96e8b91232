//! The text form `.cnn`: every module prints, and what was printed parses back to the same text.
//!
//! ```text
//! file  = { "//!" key ":" text NL } graph
//! graph = "graph" "@"name "(" [ param { "," param } ] ")" "{" NL
//!         { node NL } "return" value { "," value } NL "}"
//! param = value ":" type
//! node  = value ":" type "=" ( "const" [ init ] | call { "|>" call } )
//! call  = op [ value { "," value } ] { "," key "=" attr }
//! init  = ( "rand" | "splat" ) "(" number { "," key "=" number } ")" | "[" number { "," number } "]"
//! type  = dtype "[" int { "," int } "]"
//! attr  = number | int "x" int | word | "[" number { "," number } "]"
//! value = "%" name              name = letter { letter | digit | "_" | "." }
//! ```
//!
//! A node ends at the end of its line. Attributes that equal their default are not printed. `//` starts a
//! comment. The elements of constants without an initialiser are not in the text: they are the module's
//! weights.

mod parse;
mod print;

pub use parse::{Directive, File, ParseError, parse, parse_with};
pub use print::{print, print_graph};
