/** The places of a proof of erasure: which kind an object is, by its name, and how a find there is mended. */
import type { PlaceKind } from './report.ts'

/** What kind of place an object is, by its name. */
export function kindOf(object: string): PlaceKind {
  if (/^staged\/.*\.parquet$/.test(object)) return 'staged file'
  if (/\/data\/.*\.parquet$/.test(object)) return 'data file'
  if (/\/metadata\/[^/]*\.metadata\.json(\.gz)?$/.test(object)) return 'table metadata'
  if (/\/metadata\/snap-[^/]*\.avro$/.test(object)) return 'manifest list'
  if (/\/metadata\/[^/]*\.avro$/.test(object)) return 'manifest'
  if (/^(lake|publications)\/|^\w+:/.test(object)) return 'other file of the lake'
  if (/^log\/\d{20}\.log$/.test(object)) return 'log segment'
  if (object.startsWith('checkpoints/')) return 'checkpoint'
  if (object.startsWith('state/')) return 'dedupe state'
  return object.startsWith('journal/') ? 'journal entry' : 'other file'
}

export const isParquet = (object: string) => object.endsWith('.parquet')
/** Rows of hits, or of a stage: they tell which hits came later. */
export const isHits = (object: string) => isParquet(object) && /^staged\/|(^|\/)hits[-/]/.test(object)
/** How a find is mended, where that hangs on the kind of place alone. */
export const mends: Partial<Record<PlaceKind, string>> = {
  'staged file': 'it is published within minutes and gone from here; one that no commit names goes at the next start',
  'log segment':
    'the log keeps records until they are processed and their segment is full, or an hour old, and goes as a whole',
  checkpoint: 'the next commit of the job writes a new one and removes it',
  'dedupe state': 'the job removes it when no hit of its 24 hours is left',
  'journal entry': 'the journal keeps entries for its retention and no longer',
  'control store': 'no table but erasures names visitors or users; report it',
  'other file':
    'it is none of the files that Hitlake keeps; remove it if you know it (scratch/ is emptied at the next start)',
}
