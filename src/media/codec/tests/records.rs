//! Configuration records as ffmpeg's encoders write them. Those of AAC's rarer forms are written by hand.

/// The writer of the record, the record, the picture's size, the codec's name in a playlist.
pub(super) type Video = (&'static str, &'static str, (u16, u16), &'static str);
/// The writer of the record, the record, (sample rate, channels, samples in a frame), the codec's name in a playlist.
pub(super) type Audio = (&'static str, &'static str, (u32, u8, u32), &'static str);

pub(super) const AVC: &[Video] = &[
    (
        "libx264 baseline 320x180",
        "0142c00bffe100196742c00bd901419f9f011000000300100000030140f142a48001000568cb83cb20",
        (320, 180),
        "avc1.42c00b",
    ),
    (
        "libx264 1080p, cropped",
        "0142c028ffe100196742c028da01e0089f97011000000300100000030140f1832a01000468ce0fc8",
        (1920, 1080),
        "avc1.42c028",
    ),
    (
        "libx264 main 1080i, cropped by field",
        "014d4028ffe10019674d4028f403c0227ef011000003000100000300141f162ea001000468de0fc8",
        (1920, 1080),
        "avc1.4d4028",
    ),
    (
        "libx264 main 576i",
        "014d4016ffe10018674d4016f405a126c044000003000400000300507c50aa8001000468de0fc8",
        (720, 576),
        "avc1.4d4016",
    ),
    (
        "libx264 high 640x360",
        "01640016ffe1001a67640016acd940a02ff97011000003000100000300140f162d9601000768ebe3cb3002c0fdf8f800",
        (640, 360),
        "avc1.640016",
    ),
    (
        "libx264 high, monochrome",
        "0164000bffe1001a6764000bf2d02a33c7c5e02d9000000300100000030140f142aa01000468ce0fc8fcf8f800",
        (322, 182),
        "avc1.64000b",
    ),
    (
        "libx264 high 4:2:2, 10 bit",
        "017a0016ffe1001a677a0016b6cb405017f5178088000003000800000300a078b17501000468ce0fc8fefafa00",
        (638, 358),
        "avc1.7a0016",
    ),
    (
        "libx264 high 4:4:4, odd size",
        "01f4000bffe1001f67f4000b919681519e108cffc2d402d244000003000400000300503c50aa8001000568ce0f1920ff\
         f8f800",
        (321, 181),
        "avc1.f4000b",
    ),
];

pub(super) const HEVC: &[Video] = &[
    (
        "libx265 main 1080p",
        "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300\
         78959409a10001002b420101016000000300900000030000030078a003c0801107cb965654a4c2f01680800000030080\
         00000504a2000100064401c073c189",
        (1920, 1080),
        "hvc1.1.6.L120.90",
    ),
    (
        "libx265 main 10",
        "0102200000009000000000003ff000fcfdfafa00000f03a00001001840010c01ffff0220000003009000000300000300\
         3f959409a10001002b42010102200000030090000003000003003fa005020171d4cd965654a4c2f01680800000030080\
         00000504a2000100064401c073c189",
        (638, 358),
        "hvc1.2.4.L63.90",
    ),
    (
        "libx265 range extensions 4:4:4",
        "0104080000009e08000000003cf000fcfff8f800000f03a00001001740010c01ffff0408000003009e0800000300003c\
         959409a10001002b4201010408000003009e0800000300003c90015101838f8bcb2b2a5261780b404000000300400000\
         030282a2000100084401c07318301890",
        (322, 182),
        "hvc1.4.10.L60.9E.8",
    ),
    (
        "libx265 main, two temporal layers",
        "0101600000009000000000003cf000fcfdf8f800001303a00001001c40010c02ffff0160000003009000000300000300\
         3c00009594aca048a10001002f42010201600000030090000003000003003c0000a00a880c1c44d965652b2a5261780b\
         404000000300400000030282a2000100064401c073c189",
        (322, 182),
        "hvc1.1.6.L60.90",
    ),
];

pub(super) const AV1: &[Video] = &[
    (
        "libaom",
        "81010c000a0b0000000cc5036936be4010",
        (642, 362),
        "av01.0.01M.08",
    ),
    (
        "SVT-AV1, 10 bit",
        "81014c000a0b0000000cc5036900be1010",
        (642, 362),
        "av01.0.01M.10",
    ),
    (
        "rav1e, 4:4:4",
        "813f00000a0e200000fa6281b48842a408080940",
        (642, 362),
        "av01.1.31M.08",
    ),
];

pub(super) const AAC: &[Audio] = &[
    ("LC 44.1 kHz", "121056e500", (44_100, 2, 1024), "mp4a.40.2"),
    ("LC 22.05 kHz", "138856e500", (22_050, 1, 1024), "mp4a.40.2"),
    ("LC 7.1", "11b856e500", (48_000, 8, 1024), "mp4a.40.2"),
    (
        "LC, program configuration",
        "118004c808002008840d4c61766335392e33372e31303056e500",
        (48_000, 6, 1024),
        "mp4a.40.2",
    ),
    ("LC, two bytes", "1210", (44_100, 2, 1024), "mp4a.40.2"),
    ("LC, 960 samples", "1214", (44_100, 2, 960), "mp4a.40.2"),
    ("HE, hierarchical", "2b920800", (22_050, 2, 1024), "mp4a.40.5"),
    ("HE v2, hierarchical", "eb8a0800", (22_050, 1, 1024), "mp4a.40.29"),
    (
        "HE, backward compatible",
        "139056e5a0",
        (22_050, 2, 1024),
        "mp4a.40.2",
    ),
    (
        "frequency written out",
        "1780562208",
        (44_100, 1, 1024),
        "mp4a.40.2",
    ),
    ("enhanced low delay", "f8e84000", (44_100, 2, 512), "mp4a.40.39"),
];
