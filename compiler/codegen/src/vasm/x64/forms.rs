//! The encodings of vector instructions: that of AVX2 for `ymm`, those of AVX-512 for `ymm` and for `zmm`.

use iced_x86::Code;

/// Which of its encodings an instruction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `ymm`, sixteen registers.
    Avx2,
    /// `ymm`, 32 registers.
    Ymm,
    /// `zmm`.
    Zmm,
}

/// The encodings of an instruction.
#[derive(Clone, Copy)]
pub(super) struct Forms([Code; 3]);

impl Forms {
    pub(super) fn code(self, form: Form) -> Code {
        self.0[form as usize]
    }
}

macro_rules! forms {
    ($($name:ident: $avx2:ident, $ymm:ident, $zmm:ident;)*) => {
        $(pub(super) const $name: Forms = Forms([Code::$avx2, Code::$ymm, Code::$zmm]);)*
    };
}

forms! {
    ADD: VEX_Vaddps_ymm_ymm_ymmm256, EVEX_Vaddps_ymm_k1z_ymm_ymmm256b32, EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er;
    SUB: VEX_Vsubps_ymm_ymm_ymmm256, EVEX_Vsubps_ymm_k1z_ymm_ymmm256b32, EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er;
    MUL: VEX_Vmulps_ymm_ymm_ymmm256, EVEX_Vmulps_ymm_k1z_ymm_ymmm256b32, EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er;
    DIV: VEX_Vdivps_ymm_ymm_ymmm256, EVEX_Vdivps_ymm_k1z_ymm_ymmm256b32, EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er;
    MIN: VEX_Vminps_ymm_ymm_ymmm256, EVEX_Vminps_ymm_k1z_ymm_ymmm256b32, EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae;
    MAX: VEX_Vmaxps_ymm_ymm_ymmm256, EVEX_Vmaxps_ymm_k1z_ymm_ymmm256b32, EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae;
    AND: VEX_Vandps_ymm_ymm_ymmm256, EVEX_Vandps_ymm_k1z_ymm_ymmm256b32, EVEX_Vandps_zmm_k1z_zmm_zmmm512b32;
    AND_NOT: VEX_Vandnps_ymm_ymm_ymmm256, EVEX_Vandnps_ymm_k1z_ymm_ymmm256b32, EVEX_Vandnps_zmm_k1z_zmm_zmmm512b32;
    OR: VEX_Vorps_ymm_ymm_ymmm256, EVEX_Vorps_ymm_k1z_ymm_ymmm256b32, EVEX_Vorps_zmm_k1z_zmm_zmmm512b32;
    XOR: VEX_Vxorps_ymm_ymm_ymmm256, EVEX_Vxorps_ymm_k1z_ymm_ymmm256b32, EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32;
    ADD_I: VEX_Vpaddd_ymm_ymm_ymmm256, EVEX_Vpaddd_ymm_k1z_ymm_ymmm256b32, EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32;
    SUB_I: VEX_Vpsubd_ymm_ymm_ymmm256, EVEX_Vpsubd_ymm_k1z_ymm_ymmm256b32, EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32;
    COMPARE: VEX_Vcmpps_ymm_ymm_ymmm256_imm8, EVEX_Vcmpps_kr_k1_ymm_ymmm256b32_imm8,
        EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae;
    UNPACK_LO: VEX_Vunpcklps_ymm_ymm_ymmm256, EVEX_Vunpcklps_ymm_k1z_ymm_ymmm256b32,
        EVEX_Vunpcklps_zmm_k1z_zmm_zmmm512b32;
    UNPACK_HI: VEX_Vunpckhps_ymm_ymm_ymmm256, EVEX_Vunpckhps_ymm_k1z_ymm_ymmm256b32,
        EVEX_Vunpckhps_zmm_k1z_zmm_zmmm512b32;
    FMA: VEX_Vfmadd231ps_ymm_ymm_ymmm256, EVEX_Vfmadd231ps_ymm_k1z_ymm_ymmm256b32,
        EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er;
    MUL_ADD: VEX_Vfmadd213ps_ymm_ymm_ymmm256, EVEX_Vfmadd213ps_ymm_k1z_ymm_ymmm256b32,
        EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er;
    SHUFFLE: VEX_Vshufps_ymm_ymm_ymmm256_imm8, EVEX_Vshufps_ymm_k1z_ymm_ymmm256b32_imm8,
        EVEX_Vshufps_zmm_k1z_zmm_zmmm512b32_imm8;
    SQRT: VEX_Vsqrtps_ymm_ymmm256, EVEX_Vsqrtps_ymm_k1z_ymmm256b32, EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er;
    ROUND: VEX_Vroundps_ymm_ymmm256_imm8, EVEX_Vrndscaleps_ymm_k1z_ymmm256b32_imm8,
        EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae;
    TO_INT: VEX_Vcvttps2dq_ymm_ymmm256, EVEX_Vcvttps2dq_ymm_k1z_ymmm256b32, EVEX_Vcvttps2dq_zmm_k1z_zmmm512b32_sae;
    TO_FLOAT: VEX_Vcvtdq2ps_ymm_ymmm256, EVEX_Vcvtdq2ps_ymm_k1z_ymmm256b32, EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er;
    SHL: VEX_Vpslld_ymm_ymm_imm8, EVEX_Vpslld_ymm_k1z_ymmm256b32_imm8, EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8;
    SAR: VEX_Vpsrad_ymm_ymm_imm8, EVEX_Vpsrad_ymm_k1z_ymmm256b32_imm8, EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8;
    PERMUTE: VEX_Vpermilps_ymm_ymmm256_imm8, EVEX_Vpermilps_ymm_k1z_ymmm256b32_imm8,
        EVEX_Vpermilps_zmm_k1z_zmmm512b32_imm8;
    BROADCAST: VEX_Vbroadcastss_ymm_m32, EVEX_Vbroadcastss_ymm_k1z_xmmm32, EVEX_Vbroadcastss_zmm_k1z_xmmm32;
    MOVE: VEX_Vmovaps_ymm_ymmm256, EVEX_Vmovaps_ymm_k1z_ymmm256, EVEX_Vmovaps_zmm_k1z_zmmm512;
    LOAD: VEX_Vmovups_ymm_ymmm256, EVEX_Vmovups_ymm_k1z_ymmm256, EVEX_Vmovups_zmm_k1z_zmmm512;
    STORE: VEX_Vmovups_ymmm256_ymm, EVEX_Vmovups_ymmm256_k1z_ymm, EVEX_Vmovups_zmmm512_k1z_zmm;
}
