//! Machine code as text, for dumps.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter, Mnemonic};

/// The text of a function's bytes, one instruction a line with its offset, up to its `ret`.
pub fn disassemble(bytes: &[u8]) -> String {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_branch_leading_zeros(false);
    let mut text = String::new();
    for instruction in Decoder::new(64, bytes, DecoderOptions::NONE) {
        text += &format!("{:6x}  ", instruction.ip());
        formatter.format(&instruction, &mut text);
        text.push('\n');
        if instruction.mnemonic() == Mnemonic::Ret {
            break;
        }
    }
    text
}
