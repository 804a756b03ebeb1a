/**
 * Manifests and manifest lists (Iceberg spec, "Manifests" and "Manifest Lists", format version 2): which data files a
 * snapshot holds, with what a reader needs to skip them. Field ids in the schemas are the specification's.
 */
import { avroType, decodeContainer, encodeContainer } from './avro-container.ts'
import { printJson } from './json.ts'
import { manifestEntrySchema, manifestFileSchema } from './manifest-schema.ts'
import type { IcebergSchema, PartitionSpec } from './schema.ts'

export type FieldMap<T> = ReadonlyMap<number, T>

export interface DataFile {
  readonly uri: string
  /** In the order of the partition spec's fields; null where unknown. */
  readonly partition: readonly (number | null)[]
  readonly rows: number
  readonly bytes: number
  readonly columnBytes: FieldMap<number>
  readonly valueCounts: FieldMap<number>
  readonly nullCounts: FieldMap<number>
  readonly lowerBounds: FieldMap<Buffer>
  readonly upperBounds: FieldMap<Buffer>
  /** 0 data, 1 position deletes, 2 equality deletes. */
  readonly content: number
}

/** `added` by this manifest's snapshot, `existing` from an earlier one, `deleted`: no longer in the table. */
export type EntryStatus = 'existing' | 'added' | 'deleted'
const statuses: readonly EntryStatus[] = ['existing', 'added', 'deleted']

export interface ManifestEntry {
  readonly status: EntryStatus
  /** null: that of the manifest (spec, "Sequence Number Inheritance"). */
  readonly snapshot: bigint | null
  readonly sequence: bigint | null
  readonly fileSequence: bigint | null
  readonly file: DataFile
}

/** One row of a manifest list. */
export interface ManifestFile {
  readonly uri: string
  readonly bytes: number
  readonly specId: number
  /** 0 data, 1 deletes. */
  readonly content: number
  readonly sequence: bigint
  readonly minSequence: bigint
  readonly snapshot: bigint
  readonly added: FileCounts
  readonly existing: FileCounts
  readonly deleted: FileCounts
  /** Bounds of the partition fields, in the order of the spec's fields. */
  readonly partitions: readonly {
    readonly lower: Buffer | null
    readonly upper: Buffer | null
    readonly hasNull: boolean
  }[]
}

export interface FileCounts {
  readonly files: number
  readonly rows: number
}

const manifestFileSchemaJson = JSON.stringify(manifestFileSchema)
const manifestFileType = avroType(manifestFileSchema)

// ---- writing

export interface ManifestContext {
  readonly schema: IcebergSchema
  readonly spec: PartitionSpec
  readonly sortOrderId: number
  /** 16 bytes, drawn. */
  readonly sync: Uint8Array
}

export function encodeManifest(entries: readonly ManifestEntry[], context: ManifestContext): Buffer {
  const schema = manifestEntrySchema(context.spec)
  return encodeContainer({
    schemaJson: JSON.stringify(schema),
    type: avroType(schema),
    records: entries.map((entry) => entryRecord(entry, context)),
    header: {
      schema: printJson(context.schema as never),
      'schema-id': String(context.schema['schema-id']),
      'partition-spec': JSON.stringify(context.spec.fields),
      'partition-spec-id': String(context.spec['spec-id']),
      'format-version': '2',
      content: 'data',
    },
    sync: context.sync,
  })
}

function entryRecord(entry: ManifestEntry, context: ManifestContext): unknown {
  const { file } = entry
  return {
    status: statuses.indexOf(entry.status),
    snapshot_id: entry.snapshot,
    sequence_number: entry.sequence,
    file_sequence_number: entry.fileSequence,
    data_file: {
      content: file.content,
      file_path: file.uri,
      file_format: 'PARQUET',
      partition: Object.fromEntries(context.spec.fields.map((part, at) => [part.name, file.partition[at] ?? null])),
      record_count: BigInt(file.rows),
      file_size_in_bytes: BigInt(file.bytes),
      column_sizes: longPairs(file.columnBytes),
      value_counts: longPairs(file.valueCounts),
      null_value_counts: longPairs(file.nullCounts),
      nan_value_counts: null,
      lower_bounds: pairs(file.lowerBounds, (bytes) => bytes),
      upper_bounds: pairs(file.upperBounds, (bytes) => bytes),
      key_metadata: null,
      split_offsets: null,
      equality_ids: null,
      sort_order_id: context.sortOrderId,
    },
  }
}

export function encodeManifestList(
  manifests: readonly ManifestFile[],
  snapshot: { readonly id: bigint; readonly parent: bigint | null; readonly sequence: bigint },
  sync: Uint8Array,
): Buffer {
  return encodeContainer({
    schemaJson: manifestFileSchemaJson,
    type: manifestFileType,
    records: manifests.map((manifest) => ({
      manifest_path: manifest.uri,
      manifest_length: BigInt(manifest.bytes),
      partition_spec_id: manifest.specId,
      content: manifest.content,
      sequence_number: manifest.sequence,
      min_sequence_number: manifest.minSequence,
      added_snapshot_id: manifest.snapshot,
      added_files_count: manifest.added.files,
      existing_files_count: manifest.existing.files,
      deleted_files_count: manifest.deleted.files,
      added_rows_count: BigInt(manifest.added.rows),
      existing_rows_count: BigInt(manifest.existing.rows),
      deleted_rows_count: BigInt(manifest.deleted.rows),
      partitions: manifest.partitions.map((part) => ({
        contains_null: part.hasNull,
        contains_nan: null,
        lower_bound: part.lower,
        upper_bound: part.upper,
      })),
      key_metadata: null,
    })),
    header: {
      'snapshot-id': String(snapshot.id),
      'parent-snapshot-id': String(snapshot.parent),
      'sequence-number': String(snapshot.sequence),
      'format-version': '2',
    },
    sync,
  })
}

// ---- reading: by the writer's own schema, so that columns other engines add or leave out do no harm

interface AvroPair<T> {
  readonly key: number
  readonly value: T
}

/** @throws RangeError, TypeError where the bytes are no manifest */
export function decodeManifest(bytes: Buffer): readonly ManifestEntry[] {
  const { header, records } = decodeContainer(bytes)
  const partitionNames = specFieldNames(header.get('avro.schema') ?? '')
  return records.map((record) => {
    const entry = record as AvroEntry
    const file = entry.data_file
    const status = statuses[entry.status]
    if (status === undefined) throw new RangeError(`an entry has status ${entry.status}`)
    return {
      status,
      snapshot: entry.snapshot_id ?? null,
      sequence: entry.sequence_number ?? null,
      fileSequence: entry.file_sequence_number ?? null,
      file: {
        uri: file.file_path,
        partition: partitionNames.map((name) => partitionValue(file.partition[name])),
        rows: Number(file.record_count),
        bytes: Number(file.file_size_in_bytes),
        columnBytes: numbersOf(file.column_sizes),
        valueCounts: numbersOf(file.value_counts),
        nullCounts: numbersOf(file.null_value_counts),
        lowerBounds: mapFrom(file.lower_bounds, (value) => value),
        upperBounds: mapFrom(file.upper_bounds, (value) => value),
        content: file.content ?? 0,
      },
    }
  })
}

export function decodeManifestList(bytes: Buffer): readonly ManifestFile[] {
  return decodeContainer(bytes).records.map((record) => {
    const manifest = record as AvroManifestFile
    const counts = (files: number | null | undefined, rows: bigint | null | undefined): FileCounts => ({
      files: files ?? 0,
      rows: Number(rows ?? 0n),
    })
    return {
      uri: manifest.manifest_path,
      bytes: Number(manifest.manifest_length),
      specId: manifest.partition_spec_id,
      content: manifest.content ?? 0,
      sequence: manifest.sequence_number ?? 0n,
      minSequence: manifest.min_sequence_number ?? 0n,
      snapshot: manifest.added_snapshot_id ?? 0n,
      added: counts(manifest.added_files_count, manifest.added_rows_count),
      existing: counts(manifest.existing_files_count, manifest.existing_rows_count),
      deleted: counts(manifest.deleted_files_count, manifest.deleted_rows_count),
      partitions: (manifest.partitions ?? []).map((part) => ({
        lower: part.lower_bound ?? null,
        upper: part.upper_bound ?? null,
        hasNull: part.contains_null,
      })),
    }
  })
}

interface AvroEntry {
  readonly status: number
  readonly snapshot_id?: bigint | null
  readonly sequence_number?: bigint | null
  readonly file_sequence_number?: bigint | null
  readonly data_file: {
    readonly content?: number
    readonly file_path: string
    readonly partition: Readonly<Record<string, unknown>>
    readonly record_count: bigint
    readonly file_size_in_bytes: bigint
    readonly column_sizes?: readonly AvroPair<bigint>[] | null
    readonly value_counts?: readonly AvroPair<bigint>[] | null
    readonly null_value_counts?: readonly AvroPair<bigint>[] | null
    readonly lower_bounds?: readonly AvroPair<Buffer>[] | null
    readonly upper_bounds?: readonly AvroPair<Buffer>[] | null
  }
}

interface AvroManifestFile {
  readonly manifest_path: string
  readonly manifest_length: bigint
  readonly partition_spec_id: number
  readonly content?: number
  readonly sequence_number?: bigint
  readonly min_sequence_number?: bigint
  readonly added_snapshot_id?: bigint | null
  readonly added_files_count?: number | null
  readonly existing_files_count?: number | null
  readonly deleted_files_count?: number | null
  readonly added_rows_count?: bigint | null
  readonly existing_rows_count?: bigint | null
  readonly deleted_rows_count?: bigint | null
  readonly partitions?:
    | readonly {
        readonly contains_null: boolean
        readonly lower_bound?: Buffer | null
        readonly upper_bound?: Buffer | null
      }[]
    | null
}

// The partition tuple's fields, in the order of their ids: that is the order of the spec.
function specFieldNames(schemaJson: string): string[] {
  interface Named {
    readonly name: string
    readonly type: unknown
    readonly 'field-id'?: number
  }
  const fieldsOf = (type: unknown): readonly Named[] =>
    (type as { fields?: readonly Named[] } | undefined)?.fields ?? []
  const dataFile = fieldsOf(JSON.parse(schemaJson)).find((part) => part.name === 'data_file')
  const partition = fieldsOf(dataFile?.type).find((part) => part.name === 'partition')
  return [...fieldsOf(partition?.type)]
    .sort((a, b) => (a['field-id'] ?? 0) - (b['field-id'] ?? 0))
    .map((part) => part.name)
}

function partitionValue(value: unknown): number | null {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null
}

function pairs<T, U>(map: FieldMap<T>, convert: (value: T) => U): AvroPair<U>[] {
  return [...map].map(([key, value]) => ({ key, value: convert(value) }))
}

function longPairs(map: FieldMap<number>): AvroPair<bigint>[] {
  return pairs(map, (value) => BigInt(value))
}

function mapFrom<T, U>(list: readonly AvroPair<T>[] | null | undefined, convert: (value: T) => U): Map<number, U> {
  return new Map((list ?? []).map((pair) => [pair.key, convert(pair.value)]))
}

function numbersOf(list: readonly AvroPair<bigint>[] | null | undefined): Map<number, number> {
  return mapFrom(list, Number)
}
