/**
 * Manifests and manifest lists as the Avro files of Iceberg: reading. By the writer's own schema, so that columns other
 * engines add or leave out do no harm.
 */
import { decodeContainer } from './avro-container.ts'
import { type AvroPair, type FileCounts, type ManifestEntry, type ManifestFile, statuses } from './manifest.ts'

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

function mapFrom<T, U>(list: readonly AvroPair<T>[] | null | undefined, convert: (value: T) => U): Map<number, U> {
  return new Map((list ?? []).map((pair) => [pair.key, convert(pair.value)]))
}

function numbersOf(list: readonly AvroPair<bigint>[] | null | undefined): Map<number, number> {
  return mapFrom(list, Number)
}
