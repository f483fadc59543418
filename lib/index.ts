// The public door of the package. What is exported here is promised; everything else is ours to move.
export type { Cancellable, CancelOptions } from './base/cancellable.js';
export { DmremapError, type ErrorCode, errorCodes, OperationError, type Outcome } from './base/errors.js';
export {
  type ByteOffset,
  byteOffset,
  type Sector,
  type Sequence,
  sector,
  type UnixNanoseconds,
  type UnixSeconds,
  unixSeconds,
} from './base/units.js';
export {
  BatchError,
  type CloseReport,
  type Device,
  type DeviceIdentity,
  type DeviceInfo,
  type WriteOptions,
  type WriteReport,
  type WriteStep,
} from './device/device.js';
export type { EngineGuarantees, EngineName } from './device/engines.js';
export { type Fault, type FaultRule, LyingDevice, type LyingDeviceOptions } from './device/lying-device.js';
export { MemoryDevice, type MemoryDeviceOptions } from './device/memory-device.js';
export { type OpenDeviceOptions, openDevice } from './device/native-device.js';
export { type DamagedCopy, type DecodedSlot, decodeCopy, type ValidCopy } from './format/codec.js';
export type { Damage, SlotRead } from './format/damage.js';
export { type Geometry, type GeometryName, geometries } from './format/geometry.js';
export {
  blankMetadata,
  encodeCopy,
  type Metadata,
  metadataOf,
  withEntries,
  withHeader,
} from './format/metadata.js';
export type { Header, RemapEntry } from './format/structure.js';
export type { GhostVerdict, JudgedGhost } from './recovery/ghosts.js';
export { type HandoverOptions, type HandoverReport, handover } from './recovery/handover.js';
export { type RelocateReport, type RelocateRunOptions, relocate } from './recovery/relocate.js';
export {
  type InsideEntry,
  type Move,
  planRelocation,
  type RelocateOptions,
  type RelocationPlan,
} from './recovery/relocate-plan.js';
export { type RepairReport, type RepairRunOptions, repair } from './recovery/repair.js';
export {
  type PlannedRepair,
  planRepair,
  type RepairOptions,
  type RepairPlan,
} from './recovery/repair-plan.js';
export {
  CommitError,
  type CommitReport,
  type CopyOutcome,
  type Finds,
} from './store/commit/commit-report.js';
export type { ScrubbedCopy, ScrubReport, ScrubState } from './store/commit/scrub-report.js';
export {
  type Comparison,
  type CopyDifference,
  type CopyGroup,
  compareCopies,
  type EntriesDifference,
  type EntryDifference,
  type FieldDifference,
  type FieldRange,
  type PlacedEntry,
} from './store/examine/compare.js';
export { type ExamineInput, examine, type Report } from './store/examine/examine.js';
export { type ExamineOptions, examineDevice } from './store/examine/examine-device.js';
export {
  type ExplainedElection,
  type Explanation,
  explain,
  type OrderStep,
  type Parting,
  type Rule,
  type RuleStep,
} from './store/examine/explain.js';
export type { Lint, LintId, Severity } from './store/examine/lint.js';
export {
  type MapArea,
  type MappedEntry,
  type MapSide,
  type MapSlot,
  mapOf,
  type SpareMap,
} from './store/examine/spare-map.js';
export { toComparisonJson } from './store/json/compare-json.js';
export { type DumpJson, toDumpJson } from './store/json/dump-json.js';
export { type DumpedCopy, type DumpOptions, fromDumpJson } from './store/json/dump-reader.js';
export { toExamineJson } from './store/json/examine-json.js';
export { toExplanationJson } from './store/json/explain-json.js';
export { DocumentError, type Problem } from './store/json/json-reader.js';
export { fromTableJson, type TableJson, toTableJson } from './store/json/table-json.js';
export { MetadataStore } from './store/metadata-store.js';
export type {
  CommitOptions,
  CreateStoreOptions,
  OpenStoreOptions,
  StoreOptions,
} from './store/store-options.js';
export type { HeldCount } from './store/table/held-back.js';
export type { Held, HeldPlace } from './store/table/held-places.js';
export {
  type AddOptions,
  type InsertOptions,
  RemapTable,
  type RemapTableOptions,
  type Run,
} from './store/table/remap-table.js';
export { type SectorRange, TargetError } from './target/effects.js';
export type {
  AnalysedDevice,
  Analysis,
  DeviceErrors,
  ErrorAnalysisOptions,
  HotSpot,
} from './target/error-analysis.js';
export type { ScanPass, ScanProgress } from './target/health-scan.js';
export type { HealthThresholds, HealthVerdict } from './target/health-score.js';
export type { Latency, TimedOperation } from './target/observability.js';
export { listTargets, RemapTarget } from './target/remap-target.js';
export type { HealthScanOptions, ScanTime } from './target/scan-options.js';
export type { SyncOptions, SyncStatus } from './target/sync-work.js';
export type { CreateTargetOptions, OpenTargetOptions, TargetPolicy } from './target/target-options.js';
export type { Counters, DestroyReport, SuspendReport, TargetStatus } from './target/target-report.js';
export type { TargetState } from './target/target-state.js';
