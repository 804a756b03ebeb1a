/** How a table of the lake is described: names, types, partition, order. The tables themselves are in `schemas/tables.ts`. */

export type ColumnType =
  | 'string'
  | 'boolean'
  | 'int'
  | 'long'
  | 'double'
  | 'timestamptz'
  /** exact sums: 38 digits, no fraction */
  | 'decimal38'
  | { readonly list: { readonly elementId: number; readonly element: ColumnType } }
  | { readonly struct: readonly Column[] }

export interface Column {
  /** Iceberg field id: a column's identity for ever; never used again for another one. */
  readonly id: number
  readonly name: string
  readonly type: ColumnType
  readonly doc: string
}

export type TableName = 'hits' | 'failed_hits' | 'hourly' | 'daily' | 'sessions'

export interface TableDefinition {
  readonly name: TableName
  readonly doc: string
  readonly columns: readonly Column[]
  /** Partitioned by `_gen` (identity) where true, and by the UTC day or month of this timestamptz column. */
  readonly partition:
    | { readonly generation: boolean; readonly day: string }
    | { readonly generation: boolean; readonly month: string }
  readonly sort: readonly string[]
  /**
   * For tables of mergeable partial rows: rows equal in `key` may be replaced by one, folded column by column, at any
   * time. Readers always merge. Columns in neither are system columns (`_…`), folded as min of `…from`, max of `…to`.
   */
  readonly fold?: { readonly key: readonly string[]; readonly values: Readonly<Record<string, FoldKind>> }
}

/**
 * `sum`: adds. `kmv`: the k smallest of the distinct union of lists of long; `k` where the column `of` holds `is`, else
 * `otherwise`. `sumByKey`: of lists of structs of two fields, the second summed by the first, rising by the first.
 */
export type FoldKind =
  | 'sum'
  | 'sumByKey'
  | { readonly kmv: { readonly of: string; readonly is: string; readonly k: number; readonly otherwise: number } }

/**
 * A row on its way into or out of the lake, by column name; a column left out is null. `timestamptz` is a number of ms
 * since 1970, `long` and `int` a number (safe) or bigint, `decimal38` a bigint; read back, `long` inside lists and
 * `decimal38` are bigint, every other `long` a number where it is safe, else bigint.
 */
export type LakeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly LakeValue[]
  | { readonly [name: string]: LakeValue }
export type LakeRow = { readonly [column: string]: LakeValue | undefined }

/** Columns that publication sets and staging therefore leaves out. */
export const publicationColumns = ['_publish', '_row'] as const
