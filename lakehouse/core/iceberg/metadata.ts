/**
 * Table metadata (Iceberg spec, "Table Metadata", format version 2): what it holds, making a new table, and
 * looking things up. Pure; fields we do not know are carried along untouched. `read-metadata.ts` reads what others wrote,
 * `updates.ts` makes the next version.
 */
import type { SnapshotInfo } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { type JsonValue, printJson } from './json.ts'
import {
  type IcebergSchema,
  lastColumnId,
  type PartitionSpec,
  partitionSpec,
  schemaFields,
  sortOrder,
} from './schema.ts'

/** Integers are numbers where they are safe, else bigints. */
export type JsonInteger = number | bigint

export interface SnapshotJson {
  readonly 'snapshot-id': JsonInteger
  readonly 'parent-snapshot-id'?: JsonInteger | null
  readonly 'sequence-number'?: JsonInteger
  readonly 'timestamp-ms': number
  readonly summary?: Readonly<Record<string, string>>
  readonly 'manifest-list': string
  readonly 'schema-id'?: number
}

/** Iceberg spec, "Snapshot References". Ages are ms; those of a branch are its owner's rules for expiry. */
export interface SnapshotRef {
  readonly 'snapshot-id': JsonInteger
  readonly type: 'branch' | 'tag'
  readonly 'max-ref-age-ms'?: number
  readonly 'max-snapshot-age-ms'?: number
  readonly 'min-snapshots-to-keep'?: number
}

/** Iceberg spec, "Table Statistics" and "Partition Statistics": a file that other engines keep about a snapshot. */
export interface StatisticsFile {
  readonly 'snapshot-id': JsonInteger
  readonly 'statistics-path': string
}

interface MetadataLogEntry {
  readonly 'timestamp-ms': number
  readonly 'metadata-file': string
}

export interface SnapshotLogEntry {
  readonly 'timestamp-ms': number
  readonly 'snapshot-id': JsonInteger
}

export interface TableMetadata {
  readonly 'format-version': number
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': JsonInteger
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly schemas: readonly IcebergSchema[]
  readonly 'current-schema-id': number
  readonly 'partition-specs': readonly PartitionSpec[]
  readonly 'default-spec-id': number
  readonly 'last-partition-id': number
  readonly 'sort-orders': readonly JsonValue[]
  readonly 'default-sort-order-id': number
  readonly properties?: Readonly<Record<string, string>>
  readonly 'current-snapshot-id'?: JsonInteger | null
  readonly refs?: Readonly<Record<string, SnapshotRef>>
  readonly snapshots?: readonly SnapshotJson[]
  readonly 'snapshot-log'?: readonly SnapshotLogEntry[]
  readonly 'metadata-log'?: readonly MetadataLogEntry[]
  readonly statistics?: readonly StatisticsFile[]
  readonly 'partition-statistics'?: readonly StatisticsFile[]
}

/** Key of a snapshot's summary that names the publication which made it. */
export const publishKey = 'hitlake.publish'

/** Key of the summary of a snapshot that maintenance made of files there were: names the partition. */
export const rewriteKey = 'hitlake.rewrite'

/**
 * Older metadata files named and kept (property `write.metadata.previous-versions-max`). Few: each names every snapshot, so
 * a hundred of them would soon outweigh the data of a small shop. Readers open snapshots by id, not by old metadata.
 */
export const metadataLogMaxEntries = 10

/**
 * The bytes of a metadata file. What is long in it, the history, is the same objects from one version to the next: the text
 * of each is made once and kept as long as the object, so a commit prints what is new. Nothing of it may be changed in place.
 */
export function printMetadata(metadata: TableMetadata): Buffer {
  const parts = Object.entries(metadata as unknown as Readonly<Record<string, JsonValue | undefined>>).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${JSON.stringify(name)}:${printPart(name, value)}`]),
  )
  return Buffer.from(`{${parts.join(',')}}`, 'utf8')
}

const historyParts: readonly string[] = ['snapshots', 'snapshot-log', 'metadata-log'] satisfies (keyof TableMetadata)[]
const printedTexts = new WeakMap<object, string>()

function printPart(name: string, value: JsonValue): string {
  return Array.isArray(value) && historyParts.includes(name) ? `[${value.map(printOnce).join(',')}]` : printJson(value)
}

function printOnce(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return printJson(value)
  const known = printedTexts.get(value)
  if (known !== undefined) return known
  const text = printJson(value)
  printedTexts.set(value, text)
  return text
}

export interface NewTable {
  readonly definition: TableDefinition
  readonly uuid: string
  readonly location: string
  readonly now: number
}

/** A table without snapshots. */
export function newMetadata({ definition, uuid, location, now }: NewTable): TableMetadata {
  const spec = partitionSpec(definition, 0)
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': now,
    'last-column-id': lastColumnId(definition.columns),
    schemas: [{ type: 'struct', 'schema-id': 0, fields: schemaFields(definition.columns) }],
    'current-schema-id': 0,
    'partition-specs': [spec],
    'default-spec-id': 0,
    'last-partition-id': Math.max(...spec.fields.map((field) => field['field-id'])),
    'sort-orders': [sortOrder(definition, 1)],
    'default-sort-order-id': 1,
    properties: {
      'write.format.default': 'parquet',
      'write.parquet.compression-codec': 'zstd',
      'write.metadata.previous-versions-max': String(metadataLogMaxEntries),
      'write.metadata.delete-after-commit.enabled': 'true',
      comment: definition.doc,
    },
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    refs: {},
  }
}

export function currentSchema(metadata: TableMetadata): IcebergSchema {
  const id = metadata['current-schema-id']
  const found = metadata.schemas.find((schema) => schema['schema-id'] === id)
  if (found === undefined) throw new RangeError(`current schema ${id} is not among the schemas`)
  return found
}

/** The spec that partitions as the definition says; other engines may have added others. */
export function specFor(metadata: TableMetadata, definition: TableDefinition): PartitionSpec | undefined {
  const wanted = partitionSpec(definition, 0).fields
  return metadata['partition-specs'].find(
    (spec) =>
      spec.fields.length === wanted.length &&
      wanted.every((field, at) => {
        const other = spec.fields[at]
        return other?.transform === field.transform && other['source-id'] === field['source-id']
      }),
  )
}

/** Decimal text of an id; null for none (absent, null or -1, as Java writers put it). */
export function snapshotId(id: JsonInteger | null | undefined): string | null {
  return id === undefined || id === null || BigInt(id) === -1n ? null : String(id)
}

export function findSnapshot(metadata: TableMetadata, id: string): SnapshotJson | undefined {
  return metadata.snapshots?.find((snapshot) => String(snapshot['snapshot-id']) === id)
}

export function currentSnapshot(metadata: TableMetadata): SnapshotJson | undefined {
  const id = snapshotId(metadata['current-snapshot-id'])
  return id === null ? undefined : findSnapshot(metadata, id)
}

/** The current snapshot and its ancestors, newest first, as far as they are kept. */
export function* history(metadata: TableMetadata): Generator<SnapshotJson> {
  const byId = new Map((metadata.snapshots ?? []).map((snapshot) => [String(snapshot['snapshot-id']), snapshot]))
  const seen = new Set<string>()
  let id = snapshotId(metadata['current-snapshot-id'])
  while (id !== null && !seen.has(id)) {
    seen.add(id)
    const snapshot = byId.get(id)
    if (snapshot === undefined) return
    yield snapshot
    id = snapshotId(snapshot['parent-snapshot-id'])
  }
}

export function snapshotInfo(snapshot: SnapshotJson): SnapshotInfo {
  const summary = snapshot.summary ?? {}
  const publish = summary[publishKey]
  return {
    id: String(snapshot['snapshot-id']),
    parent: snapshotId(snapshot['parent-snapshot-id']),
    at: snapshot['timestamp-ms'],
    operation: summary.operation ?? 'unknown',
    publish: publish === undefined ? null : Number(publish),
    addedRows: Number(summary['added-records'] ?? 0),
    totalRows: Number(summary['total-records'] ?? 0),
  }
}
