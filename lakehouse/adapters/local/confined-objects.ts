/**
 * An ObjectStore whose tables are what lies in their own folders: where a symbolic link in a table's folder leads out of it,
 * nothing behind it is read, written or removed. Metadata may be anybody's, and so may the folder it came in.
 */
import { lstat, realpath } from 'node:fs/promises'
import { CorruptTableError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'

/** Names of data files known to be in their table's folder; beyond, all are looked at again. */
export const confinedNamesMax = 100_000

export interface ConfinedOptions {
  readonly objects: ObjectStore
  /** What its names begin with (`lake/hits/`), and the table it is. Other names are let through. */
  readonly folders: ReadonlyMap<string, string>
  /** `confinedNamesMax` where absent. */
  readonly namesMax?: number
}

/** Every method that meets such a link throws CorruptTableError. `list` and `size` follow links: they give no bytes away. */
export function confinedObjects({ objects, folders, namesMax = confinedNamesMax }: ConfinedOptions): ObjectStore {
  const known = new Set<string>()
  /** Path of the store's folder with `/` at its end; null where it is none: copies of a bucket's objects have no links. */
  let root: string | null | undefined

  const tableOf = (name: string) => [...folders].find(([folder]) => name.startsWith(folder))

  async function rootOf(name: string): Promise<string | null> {
    if (root !== undefined) return root
    const path = await objects.localPath(name)
    if (path.endsWith(`/${name}`)) root = path.slice(0, -name.length)
    else {
      root = null
      await objects.forgetLocal(name)
    }
    return root
  }

  /** `object`: what the name leads to. `place`: the folder that the name is in. */
  async function confine(name: string, what: 'object' | 'place'): Promise<void> {
    const found = tableOf(name)
    if (found === undefined) return
    const [folder, table] = found
    // Of a store without objects the path is not known, and there is nothing that a link could give away.
    const base = root ?? (await rootOf(await existing(name, folder)).catch(() => null))
    if (base === null) return
    const below = name.slice(folder.length)
    const path = `${base}${folder}${what === 'object' ? below : below.replace(/[^/]*$/, '')}`
    // The table's folder itself may be anywhere, wherever its owner put it.
    const home = await realpath(`${base}${folder}`).catch(() => undefined)
    const real = home === undefined ? undefined : await realOf(path)
    if (home === undefined || real === undefined) return
    if (real !== home && !real.startsWith(`${home}/`)) {
      throw new CorruptTableError(table, name, "a link leads out of the table's folder")
    }
  }

  async function existing(name: string, folder: string): Promise<string> {
    if ((await objects.size(name)) !== undefined) return name
    return (await objects.list(folder))[0] ?? name
  }

  return {
    async put(name, body) {
      await confine(name, 'place')
      return objects.put(name, body)
    },
    async putIfAbsent(name, body) {
      await confine(name, 'place')
      return objects.putIfAbsent(name, body)
    },
    async get(name) {
      await confine(name, 'object')
      return objects.get(name)
    },
    async getRange(name, at, length) {
      if (!known.has(name)) await confine(name, 'object')
      return objects.getRange(name, at, length)
    },
    async remove(name) {
      known.delete(name)
      await confine(name, 'place')
      return objects.remove(name)
    },
    async localPath(name) {
      if (!known.has(name)) {
        await confine(name, 'object')
        if (known.size >= namesMax) known.clear()
        known.add(name)
      }
      return objects.localPath(name)
    },
    list: (prefix) => objects.list(prefix),
    size: (name) => objects.size(name),
    forgetLocal: (name) => objects.forgetLocal(name),
  }
}

/** The path without links; of one that is not there, that of the folder above it that is. */
async function realOf(path: string): Promise<string | undefined> {
  for (let at = path.replace(/\/$/, ''); at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const found = await realpath(at).catch(() => undefined)
    if (found !== undefined) return found
    const there = await lstat(at).catch(() => undefined)
    // A link that leads nowhere; what is written there would make it lead somewhere. Anything else was made a moment ago, in the
    // folder that it seems to be in.
    if (there?.isSymbolicLink()) return '/'
  }
  return undefined
}
