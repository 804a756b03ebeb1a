/**
 * Manifests and manifest lists as the Avro files of Iceberg: reading. By the writer's own schema, so that columns other
 * engines add or leave out do no harm. Of every value used, the type is checked: the file may be anybody's.
 */
import { type EntryStatus, type FileCounts, type ManifestEntry, type ManifestFile, statuses } from './manifest.ts'
import { readContainer } from './read-container.ts'
import {
  type AvroRecord,
  bytesMap,
  countOf,
  fieldsOf,
  longOrNull,
  numberMap,
  optionalList,
  recordOf,
  textOf,
} from './read-fields.ts'

/** What is read of a data or delete file beside what our writer states. */
export interface ReadFile {
  readonly uri: string
  readonly content: number
  /** The partition tuple in a form that two files share only where their tuples are equal. */
  readonly partitionKey: string
  /** Lower case: `parquet`, `puffin`. */
  readonly format: string
  readonly isEncrypted: boolean
  /** The one data file that a delete file is about, where it says so. */
  readonly referencedFile: string | null
}

export type ReadEntry = ManifestEntry & { readonly file: ManifestEntry['file'] & ReadFile }

/** @throws RangeError, TypeError, SyntaxError where the bytes are no manifest */
export function decodeManifest(bytes: Buffer): readonly ReadEntry[] {
  const { schema, records } = readContainer(bytes)
  const partitionNames = specFieldNames(schema)
  return records.map((record) => {
    const entry = recordOf(record, 'an entry')
    return {
      status: statusOf(entry),
      snapshot: longOrNull(entry, 'snapshot_id'),
      sequence: longOrNull(entry, 'sequence_number'),
      fileSequence: longOrNull(entry, 'file_sequence_number'),
      file: fileOf(recordOf(entry.data_file, 'data_file'), partitionNames),
    }
  })
}

function fileOf(file: AvroRecord, partitionNames: readonly string[]): ReadEntry['file'] {
  const partition = recordOf(file.partition, 'partition')
  const values = partitionNames.map((name) => partition[name] ?? null)
  return {
    uri: textOf(file, 'file_path'),
    partition: values.map((value) =>
      typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null,
    ),
    partitionKey: JSON.stringify(values.map(keyOf)),
    rows: countOf(file, 'record_count'),
    bytes: countOf(file, 'file_size_in_bytes'),
    columnBytes: numberMap(file, 'column_sizes'),
    valueCounts: numberMap(file, 'value_counts'),
    nullCounts: numberMap(file, 'null_value_counts'),
    lowerBounds: bytesMap(file, 'lower_bounds'),
    upperBounds: bytesMap(file, 'upper_bounds'),
    content: contentOf(file, 2),
    format: textOf(file, 'file_format').toLowerCase(),
    isEncrypted: (file.key_metadata ?? null) !== null,
    nanCounts: numberMap(file, 'nan_value_counts'),
    splitOffsets: (file.split_offsets ?? null) === null ? null : optionalList(file, 'split_offsets').map(longOf),
    sortOrderId: (file.sort_order_id ?? null) === null ? null : countOf(file, 'sort_order_id'),
    referencedFile: (file.referenced_data_file ?? null) === null ? null : textOf(file, 'referenced_data_file'),
  }
}

/** @throws RangeError, TypeError, SyntaxError where the bytes are no manifest list */
export function decodeManifestList(bytes: Buffer): readonly ManifestFile[] {
  return readContainer(bytes).records.map((record) => {
    const manifest = recordOf(record, 'a manifest')
    return {
      uri: textOf(manifest, 'manifest_path'),
      bytes: countOf(manifest, 'manifest_length'),
      specId: countOf(manifest, 'partition_spec_id'),
      content: contentOf(manifest, 1),
      sequence: longOrNull(manifest, 'sequence_number') ?? 0n,
      minSequence: longOrNull(manifest, 'min_sequence_number') ?? 0n,
      snapshot: longOrNull(manifest, 'added_snapshot_id') ?? 0n,
      added: counts(manifest, 'added'),
      existing: counts(manifest, 'existing'),
      deleted: counts(manifest, 'deleted'),
      partitions: optionalList(manifest, 'partitions').map((value) => {
        const part = recordOf(value, 'a partition summary')
        return {
          lower: bytesOrNull(part.lower_bound),
          upper: bytesOrNull(part.upper_bound),
          hasNull: part.contains_null !== false,
        }
      }),
    }
  })
}

function longOf(value: unknown): bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return BigInt(value as bigint | number)
  throw new TypeError('a split offset is not a number')
}

// Absent in files of format version 1.
function counts(manifest: AvroRecord, of: 'added' | 'existing' | 'deleted'): FileCounts {
  const count = (name: string) => ((manifest[name] ?? null) === null ? 0 : countOf(manifest, name))
  return { files: count(`${of}_files_count`), rows: count(`${of}_rows_count`) }
}

function statusOf(entry: AvroRecord): EntryStatus {
  const status = statuses[countOf(entry, 'status')]
  if (status === undefined) throw new RangeError(`an entry has status ${entry.status}`)
  return status
}

function contentOf(of: AvroRecord, most: number): number {
  if ((of.content ?? null) === null) return 0
  const content = countOf(of, 'content')
  if (content > most) throw new RangeError(`content ${content} is unknown`)
  return content
}

function bytesOrNull(value: unknown): Buffer | null {
  if (Buffer.isBuffer(value)) return value
  if ((value ?? null) === null) return null
  throw new TypeError('a partition bound is not bytes')
}

function keyOf(value: unknown): unknown {
  if (typeof value === 'bigint') return [`${value}`]
  return Buffer.isBuffer(value) ? { bytes: value.toString('hex') } : value
}

// The partition tuple's fields, in the order of their ids: that is the order of the spec.
function specFieldNames(schema: unknown): string[] {
  const dataFile = fieldsOf(schema).find((part) => part.name === 'data_file')
  const partition = fieldsOf(dataFile?.type).find((part) => part.name === 'partition')
  return fieldsOf(partition?.type)
    .sort((a, b) => Number(a['field-id'] ?? 0) - Number(b['field-id'] ?? 0))
    .map((part) => String(part.name))
}
