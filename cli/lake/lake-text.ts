/** What `hitlake lake` prints, for a person. */

export interface Snapshot {
  readonly id: string
  readonly at: string
  readonly rows: number
  readonly operation: string
  readonly parent: string | null
  readonly publish: number | null
  readonly addedRows: number
  readonly pinnedBy: readonly string[]
}

/** `between`: newest first, the older end left out. */
export function diffLines(between: readonly Snapshot[], rows: number): readonly string[] {
  const publications = between.filter(({ publish }) => publish !== null).length
  const others = between.length - publications
  return [
    `${rows < 0 ? '−' : '+'}${Math.abs(rows)} rows, by ${publications} publications and ${others} other commits`,
    ...between.map(
      ({ at, id, operation, publish, addedRows }) =>
        `${at}  ${id}  ${operation}${publish === null ? '' : ` of publication ${publish}`}, ${addedRows} rows written`,
    ),
  ]
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1_024 ** step
  return `${value < 10 && step > 0 ? value.toFixed(1) : Math.round(value)} ${units[step]}`
}
