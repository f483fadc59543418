# The dm-remap v4 metadata as a Kaitai Struct (https://kaitai.io): for hex editors, and as a decoder that no one wrote by hand.
# test/format/kaitai.test.ts compiles it and compares it with dmremap's own codec. docs/format.md is the authority.
meta:
  id: dm_remap_v4
  title: dm-remap v4 metadata region
  application: dm-remap 4.2
  file-extension: img
  license: MIT
  endian: le
  bit-endian: le
doc: |
  The start of a spare device: up to five copies of one structure, each in a slot of 131,072 bytes. Nothing is validated here, so that
  damaged copies can be looked at too. The checksum cannot be computed by Kaitai: CRC-32 (reflected, polynomial 0xEDB88320, seed 0, no
  final inversion) over the bytes [0, 24) followed by [28, 84288) of the structure.
doc-ref: docs/format.md
seq:
  - id: copies
    type: slot
    size: 131072
    repeat: expr
    repeat-expr: '_io.size / 131072 < 5 ? _io.size / 131072 : 5'
    doc: A slot that does not fit the device is no copy.
types:
  slot:
    seq:
      - id: structure
        type: structure
        size: 84288
      - id: tail
        size-eos: true
        doc: Outside the structure and its checksum; whatever was there.
  structure:
    seq:
      - id: magic
        type: u4
        doc: 0x444D5234, the bytes 34 52 4D 44.
      - id: version
        type: u4
        doc: Always 4.
      - id: sequence_number
        type: u8
        doc: The valid copy with the highest one is selected. The module starts again at 2 on each load.
      - id: timestamp
        type: u8
        doc: Seconds since the epoch.
      - id: metadata_checksum
        type: u4
      - id: copy_index
        type: u4
      - id: structure_size
        type: u4
        doc: 84288. A 32-bit x86 build has 76092, and other offsets.
      - id: reserved
        type: u4
      - id: main_device_uuid
        type: text
        size: 37
      - id: spare_device_uuid
        type: text
        size: 37
      - id: padding
        size: 6
      - id: main_device_sectors
        type: u8
        doc: Sectors of 512 bytes, whatever the logical blocks of the device are.
      - id: spare_device_sectors
        type: u8
      - id: sector_size
        type: u4
      - id: remap_capacity
        type: u4
      - id: device_fingerprint
        size: 32
      - id: device_model
        type: text
        size: 64
      - id: last_full_scan
        type: u8
      - id: next_scheduled_scan
        type: u8
      - id: health_score
        type: u4
        doc: The module rejects a copy with more than 100.
      - id: scan_progress_percent
        type: u4
      - id: total_errors_found
        type: u4
      - id: predictive_remaps
        type: u4
      - id: scan_interval_hours
        type: u4
      - id: scan_flags
        type: u4
      - id: scan_stats
        type: scan_stats
      - id: active_remaps
        type: u4
        doc: At most 2048. Entries from this index on are ghost entries where they are not zero.
      - id: max_remaps
        type: u4
      - id: next_spare_sector
        type: u4
      - id: remap_flags
        type: u4
      - id: remaps
        type: entry
        repeat: expr
        repeat-expr: 2048
      - id: expansion_version
        type: u4
      - id: expansion_size
        type: u4
      - id: expansion_data
        size: 2048
    instances:
      has_our_magic:
        value: magic == 0x444d5234 and version == 4
  scan_stats:
    seq:
      - id: sectors_scanned
        type: u4
      - id: errors_detected
        type: u4
      - id: slow_sectors_found
        type: u4
      - id: scan_interruptions
        type: u4
  entry:
    seq:
      - id: original_sector
        type: u8
        doc: On the main device, in sectors of 512 bytes.
      - id: spare_sector
        type: u8
        doc: On the spare, counted from its start.
      - id: remap_timestamp
        type: u8
        doc: NANOseconds since the epoch.
      - id: access_count
        type: u4
      - id: error_count
        type: u4
      - id: remap_reason
        type: u2
      - id: flags
        type: u2
        enum: entry_flags
      - id: padding
        type: u4
  text:
    seq:
      - id: bytes
        size-eos: true
    instances:
      value:
        pos: 0
        size-eos: true
        type: strz
        encoding: ASCII
enums:
  entry_flags:
    1: pending
    2: active
