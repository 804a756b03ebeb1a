/**
 * Manifests and manifest lists (Iceberg spec, "Manifests" and "Manifest Lists", format version 2): which data files a
 * snapshot holds, with what a reader needs to skip them. `encode-manifest.ts` and `decode-manifest.ts` are their Avro form.
 */

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
  /** What other engines state beside it; carried along, null or absent where they do not. */
  readonly nanCounts?: FieldMap<number>
  readonly splitOffsets?: readonly bigint[] | null
  readonly sortOrderId?: number | null
  /** The one data file that a delete file is about, where it says so. */
  readonly referencedFile?: string | null
}

/** `added` by this manifest's snapshot, `existing` from an earlier one, `deleted`: no longer in the table. */
export type EntryStatus = 'existing' | 'added' | 'deleted'
/** By the number that stands for them. */
export const statuses: readonly EntryStatus[] = ['existing', 'added', 'deleted']

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

/** An Iceberg map in Avro: a list of these. */
export interface AvroPair<T> {
  readonly key: number
  readonly value: T
}
