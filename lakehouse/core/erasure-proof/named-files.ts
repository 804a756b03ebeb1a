/**
 * What names a data file, as far as the manifests tell that a proof has read on its way: the newest snapshot, an older one,
 * or nothing. Decides how a find is mended, not whether it is one; so names are matched by their last part.
 */
import type { TableMetadata } from '../iceberg/metadata.ts'

export interface NamedFiles {
  metadata(object: string, version: number, metadata: TableMetadata): void
  list(object: string, manifests: readonly string[]): void
  manifest(object: string, dataFiles: readonly string[]): void
  /** How a find in the file is mended. */
  mend(object: string): string
}

const lastPart = (name: string) => name.slice(name.lastIndexOf('/') + 1)
/** The folder of its table: what lies before `metadata/` or `data/`. */
const folderOf = (object: string) => /^(.*?)\/(metadata|data)\//.exec(object)?.[1] ?? ''
/** Trino puts an id behind the name. */
const tableOf = (object: string) => lastPart(folderOf(object)).replace(/-[0-9a-f]{32}$/, '')

export function createNamedFiles(): NamedFiles {
  const newest = new Map<string, { readonly version: number; readonly metadata: TableMetadata }>()
  const lists = new Map<string, readonly string[]>()
  const manifests = new Map<string, readonly string[]>()

  /** Last parts of all that these manifest lists lead to, themselves included. */
  function reached(from: readonly string[]): ReadonlySet<string> {
    const found = new Set(from.map(lastPart))
    for (const list of from) {
      for (const manifest of lists.get(lastPart(list)) ?? []) {
        found.add(lastPart(manifest))
        for (const file of manifests.get(lastPart(manifest)) ?? []) found.add(lastPart(file))
      }
    }
    return found
  }

  return {
    metadata(object, version, metadata) {
      const known = newest.get(folderOf(object))
      if (known === undefined || known.version < version) newest.set(folderOf(object), { version, metadata })
    },
    list: (object, names) => void lists.set(lastPart(object), names),
    manifest: (object, names) => void manifests.set(lastPart(object), names),

    mend(object) {
      const table = tableOf(object)
      const known = newest.get(folderOf(object))
      const snapshots = known?.metadata.snapshots ?? []
      const current = String(known?.metadata['current-snapshot-id'])
      const ofNewest = snapshots.filter((each) => String(each['snapshot-id']) === current)
      const listOf = (each: (typeof snapshots)[number]) => String(each['manifest-list'])
      if (reached(ofNewest.map(listOf)).has(lastPart(object))) {
        return `the newest snapshot of ${table} names it: maintenance takes it out; hitlake erasures says how far it is`
      }
      if (reached(snapshots.map(listOf)).has(lastPart(object))) {
        return `an older snapshot of ${table} names it: it goes when the erasure is removed, or by hitlake lake expire ${table}`
      }
      if (/\.metadata\.json/.test(object)) {
        return `an older version of the metadata of ${table}: hitlake lake expire ${table} removes what the newest does not name`
      }
      return `nothing names it: hitlake lake expire ${table} removes such files when they are old enough`
    },
  }
}
