/**
 * Names of the journal's objects. Facts that recovery and checks need of very many entries stand in the name, so that a
 * list is enough to know them. Numbers are padded: names sort as what they count.
 *
 * | folder below `journal/` | one object per | named by |
 * |---|---|---|
 * | `heads/` | process | newest commit it knew, time, owner |
 * | `epochs/<job>/<day>/` | epoch that was to be committed | time, number in its process, owner |
 * | `accepted/<log>/<day>/` | range of accepted records that was to be counted | time, from, through, number, owner |
 * | `directory/-/<day>/` | change of merchants, keys, erasures or pins | time, number, owner |
 * | `retired/<log>/<day>/` | collector gone for good | time, number, owner |
 * | `rewrites/<table>/<day>/` | maintenance commit of the lake that readers were to read | time, number, owner |
 * | `reruns/<id>/<day>/` | rerun as it was before or after a move | time, number, owner |
 * | `writing/<pipeline>/<day>/` | what its jobs write, before or after a change | time, number, owner |
 * | `splits/<rerun>/<day>/` | split of it that was to be committed | time, number, owner |
 * | `publications/<table>/` | publication begun, and finished | id |
 * | `fences/jobs/<job>/`, `fences/leases/<name>/` | fencing number drawn | fence, time, owner |
 */
export const journalFolder = 'journal/'
export const headsFolder = `${journalFolder}heads/`

/** Kinds whose objects lie by day and begin with their time. */
export const datedKinds = [
  'epochs',
  'accepted',
  'directory',
  'retired',
  'rewrites',
  'reruns',
  'writing',
  'splits',
] as const
export type DatedKind = (typeof datedKinds)[number]
export type FenceKind = 'jobs' | 'leases'

/** Who writes what, when: `number` counts the process's entries. */
export interface EntryStamp {
  readonly at: number
  readonly owner: string
  readonly number: number
}

const ending = '.json.gz'
const timeDigits = 14
const countDigits = 16
const padded = (value: number, digits: number) => String(value).padStart(digits, '0')
/** A part of a name that may hold anything. */
const part = (text: string) => encodeURIComponent(text).replace(/^\./, '%2E')

export function kindFolder(kind: DatedKind | 'publications' | 'fences'): string {
  return `${journalFolder}${kind}/`
}

/** All entries of a job, a log or a table. */
export function topicFolder(kind: DatedKind | 'publications', topic: string): string {
  return `${kindFolder(kind)}${part(topic)}/`
}

/** The job, log or table of a name. */
export function topicOf(name: string): string {
  return decodeURIComponent(name.split('/')[2] ?? '')
}

export function entryName(kind: DatedKind, topic: string, stamp: EntryStamp, range: readonly number[] = []): string {
  const day = new Date(stamp.at).toISOString().slice(0, 10)
  const facts = range.map((value) => `${padded(value, countDigits)}-`).join('')
  const place = `${padded(stamp.at, timeDigits)}-${facts}${padded(stamp.number, 8)}`
  return `${topicFolder(kind, topic)}${day}/${place}-${part(stamp.owner)}${ending}`
}

/** The time in a dated name. */
export function timeOf(name: string): number {
  return Number(/\/(\d{14})-[^/]*$/.exec(name)?.[1])
}

/** [from, through) in the name of an entry of accepted hits. */
export function rangeOf(name: string): { readonly from: number; readonly through: number } {
  const [, from, through] = /\/\d{14}-(\d{16})-(\d{16})-[^/]*$/.exec(name) ?? []
  return { from: Number(from), through: Number(through) }
}

export function publicationName(table: string, id: number, state: 'begun' | 'finished'): string {
  return `${topicFolder('publications', table)}${padded(id, countDigits)}-${state}${ending}`
}

export function publicationOf(name: string): { readonly id: number; readonly state: 'begun' | 'finished' } | undefined {
  const [, id, state] = /\/(\d{16})-(begun|finished)\.json\.gz$/.exec(name) ?? []
  return id === undefined ? undefined : { id: Number(id), state: state as 'begun' | 'finished' }
}

/** By table, the ids that a list of publications names, rising. */
export function publicationIds(names: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const tables = new Map<string, number[]>()
  for (const name of names) {
    const found = publicationOf(name)
    if (found === undefined) continue
    const ids = tables.get(topicOf(name)) ?? []
    if (ids.at(-1) !== found.id) ids.push(found.id)
    tables.set(topicOf(name), ids)
  }
  return tables
}

export function fenceFolder(kind: FenceKind): string {
  return `${kindFolder('fences')}${kind}/`
}

export function fenceName(
  kind: FenceKind,
  name: string,
  fence: number,
  { at, owner }: Omit<EntryStamp, 'number'>,
): string {
  return `${fenceFolder(kind)}${part(name)}/${padded(fence, countDigits)}-${padded(at, timeDigits)}-${part(owner)}${ending}`
}

export function headName(commit: number, { at, owner }: Omit<EntryStamp, 'number'>): string {
  return `${headsFolder}${padded(commit, countDigits)}-${padded(at, timeDigits)}-${part(owner)}${ending}`
}

/** What the name of a head or a fence counts, and its time. */
export function countOf(name: string): { readonly group: string; readonly count: number; readonly at: number } {
  const slash = name.lastIndexOf('/')
  const [, count, at] = /^(\d{16})-(\d{14})-/.exec(name.slice(slash + 1)) ?? []
  return { group: name.slice(0, slash), count: Number(count), at: Number(at) }
}

/** The job or the lease of a fence's name. */
export function holderOf(fence: string): string {
  return decodeURIComponent(fence.split('/')[3] ?? '')
}
