/** What a proof of erasure reads through. Nothing behind these writes to what is searched. */
import type { ErasedQuestion, Needle } from './question.ts'

export interface SearchedFiles {
  /** All there are now, hidden ones too. */
  list(): Promise<readonly string[]>
  /** Undefined where there is none (any more). */
  size(name: string): Promise<number | undefined>
  getRange(name: string, at: number, length: number): Promise<Buffer | undefined>
  /** A path of this machine's file system that holds its bytes, until `forgetLocal`. */
  localPath(name: string): Promise<string>
  forgetLocal(name: string): Promise<void>
}

export interface ParquetSearched {
  /** What rows that were to go hold, by column. */
  readonly finds: readonly { readonly where: string; readonly rows: number }[]
  /** Rows that name it and may: another merchant's, or received after the erasure. */
  readonly explainedRows: number
}

/** Searches Parquet files. Each call throws where the file cannot be read to its end, or takes longer than its limit. */
export interface ParquetSearch {
  /** Hours since 1970 in which a file of hits has rows of the subject that were received later; of other files none. */
  laterHours(path: string, question: ErasedQuestion): Promise<readonly number[]>
  /** Every column of every row, and the statistics of the footer. */
  search(
    path: string,
    asked: { readonly question: ErasedQuestion; readonly needle: Needle; readonly laterHours: ReadonlySet<number> },
  ): Promise<ParquetSearched>
  /** Whether a text column holds another value that begins so. */
  hasOtherValue(path: string, prefix: string, value: string): Promise<boolean>
}

/** Text columns of a database. */
export interface RecordSearch {
  search(needle: Needle): Promise<{
    readonly name: string
    readonly tables: number
    readonly bytes: number
    readonly finds: readonly { readonly table: string; readonly column: string; readonly rows: number }[]
  }>
}
