/** Manifests and manifest lists as the Avro files of Iceberg, format version 2: writing. */
import { avroType, encodeContainer } from './avro-container.ts'
import { printJson } from './json.ts'
import { type AvroPair, type FieldMap, type ManifestEntry, type ManifestFile, statuses } from './manifest.ts'
import { manifestEntrySchema, manifestFileSchema } from './manifest-schema.ts'
import type { IcebergSchema, PartitionSpec } from './schema.ts'

const manifestFileSchemaJson = JSON.stringify(manifestFileSchema)
const manifestFileType = avroType(manifestFileSchema)

export interface ManifestContext {
  readonly schema: IcebergSchema
  readonly spec: PartitionSpec
  readonly sortOrderId: number
  /** 16 bytes, drawn. */
  readonly sync: Uint8Array
  /** 0, where absent: of data files; 1: of delete files. */
  readonly content?: 0 | 1
}

export function encodeManifest(entries: readonly ManifestEntry[], context: ManifestContext): Buffer {
  return encodeContainer({
    ...entryTypeOf(context.spec, context.content),
    records: entries.map((entry) => entryRecord(entry, context)),
    header: {
      schema: printJson(context.schema as never),
      'schema-id': String(context.schema['schema-id']),
      'partition-spec': JSON.stringify(context.spec.fields),
      'partition-spec-id': String(context.spec['spec-id']),
      'format-version': '2',
      content: context.content === 1 ? 'deletes' : 'data',
    },
    sync: context.sync,
  })
}

// Making a type of a schema takes longer than encoding an entry; specs are the same objects from version to version.
interface EntryType {
  readonly schemaJson: string
  readonly type: ReturnType<typeof avroType>
}
const entryTypes = [new WeakMap<PartitionSpec, EntryType>(), new WeakMap<PartitionSpec, EntryType>()] as const

function entryTypeOf(spec: PartitionSpec, content: 0 | 1 = 0): EntryType {
  const known = entryTypes[content].get(spec)
  if (known !== undefined) return known
  const schema = manifestEntrySchema(spec, content)
  const made = { schemaJson: JSON.stringify(schema), type: avroType(schema) }
  entryTypes[content].set(spec, made)
  return made
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
      nan_value_counts: file.nanCounts && file.nanCounts.size > 0 ? longPairs(file.nanCounts) : null,
      lower_bounds: pairs(file.lowerBounds, (bytes) => bytes),
      upper_bounds: pairs(file.upperBounds, (bytes) => bytes),
      key_metadata: null,
      split_offsets: file.splitOffsets ?? null,
      equality_ids: null,
      // An added file is ours, and in our order; of another one only what its own entry says is known.
      sort_order_id: entry.status === 'added' ? context.sortOrderId : (file.sortOrderId ?? null),
      ...(context.content === 1 ? { referenced_data_file: file.referencedFile ?? null } : {}),
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

function pairs<T, U>(map: FieldMap<T>, convert: (value: T) => U): AvroPair<U>[] {
  return [...map].map(([key, value]) => ({ key, value: convert(value) }))
}

function longPairs(map: FieldMap<number>): AvroPair<bigint>[] {
  return pairs(map, (value) => BigInt(value))
}
