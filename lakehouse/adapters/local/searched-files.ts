/** What a proof of erasure searches: a whole data folder, or all objects of a cluster. */
import type { Disk } from '../../../core/ports/disk.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { SearchedFiles } from '../../core/erasure-proof/ports.ts'

/** Every file below the disk's root, hidden ones and leftovers too. */
export function searchedFolder(disk: Disk): SearchedFiles {
  async function walk(folder: string, names: string[]): Promise<string[]> {
    for (const entry of await disk.list(folder)) {
      const name = folder === '' ? entry : `${folder}/${entry}`
      if (entry.endsWith('/')) await walk(name.slice(0, -1), names)
      else names.push(name)
    }
    return names
  }
  return {
    list: () => walk('', []),
    size: (name) => disk.size(name),
    async getRange(name, at, length) {
      if ((await disk.size(name)) === undefined) return undefined
      const file = await disk.open(name, 'read')
      try {
        return await file.read(length, at)
      } finally {
        await file.close()
      }
    },
    localPath: (name) => disk.localPath(name),
    forgetLocal: async () => undefined,
  }
}

export function searchedObjects(objects: ObjectStore): SearchedFiles {
  return {
    list: () => objects.list(''),
    size: (name) => objects.size(name),
    getRange: (name, at, length) => objects.getRange(name, at, length),
    localPath: (name) => objects.localPath(name),
    forgetLocal: (name) => objects.forgetLocal(name),
  }
}

/** Several places as one: the names of each begin with its own prefix, of which one may be empty. */
export function searchedTogether(
  places: readonly { readonly prefix: string; readonly files: SearchedFiles }[],
): SearchedFiles {
  const inPlace = <T>(name: string, ask: (files: SearchedFiles, own: string) => Promise<T>): Promise<T> => {
    const candidates = places.filter(({ prefix }) => name.startsWith(prefix))
    const [place] = candidates.sort((a, b) => b.prefix.length - a.prefix.length)
    if (place === undefined) throw new RangeError(`${name} is in none of the places`)
    return ask(place.files, name.slice(place.prefix.length))
  }
  return {
    async list() {
      const found = places.map(async ({ prefix, files }) => (await files.list()).map((name) => prefix + name))
      return (await Promise.all(found)).flat()
    },
    size: (name) => inPlace(name, (files, own) => files.size(own)),
    getRange: (name, at, length) => inPlace(name, (files, own) => files.getRange(own, at, length)),
    localPath: (name) => inPlace(name, (files, own) => files.localPath(own)),
    forgetLocal: (name) => inPlace(name, (files, own) => files.forgetLocal(own)),
  }
}
