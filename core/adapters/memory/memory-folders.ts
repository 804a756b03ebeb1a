/**
 * The names of the memory disk: as programs see them, and as they are on the platter. A change of names is safe once the
 * folders it touches are synced; until then a crash may keep or lose it, whole (a rename is atomic), in any order.
 */
import { DiskError } from '../../ports/disk.ts'
import { byCodePoint, folderOf } from '../disk-path.ts'
import type { MemoryInode, Survival } from './memory-inode.ts'

interface NameChange {
  readonly remove: string | null
  readonly add: { readonly path: string; readonly inode: MemoryInode } | null
  /** Folders still to be synced. */
  readonly unsynced: Set<string>
}

export class MemoryFolders {
  #seen = new Map<string, MemoryInode>()
  #durable = new Map<string, MemoryInode>()
  #changes: NameChange[] = []
  /** Folders are made durably, as the port says. */
  readonly #folders = new Set([''])

  find(path: string): MemoryInode | undefined {
    return this.#seen.get(path)
  }

  inode(path: string): MemoryInode {
    const inode = this.#seen.get(path)
    if (!inode) throw new DiskError(this.#folders.has(path) ? 'EISDIR' : 'ENOENT', path)
    return inode
  }

  files(): Iterable<MemoryInode> {
    return new Set(this.#seen.values())
  }

  makeFolder(path: string): void {
    if (this.#seen.has(path)) throw new DiskError('ENOTDIR', path)
    if (path !== '') this.makeFolder(folderOf(path))
    this.#folders.add(path)
  }

  checkFolder(path: string): void {
    if (!this.#folders.has(path)) throw new DiskError('ENOENT', path)
  }

  /** Gives `inode` a name that must be free. */
  add(path: string, inode: MemoryInode): void {
    this.checkFolder(folderOf(path))
    if (this.#seen.has(path) || this.#folders.has(path)) throw new DiskError('EEXIST', path)
    this.#change(null, { path, inode })
  }

  remove(path: string): void {
    this.inode(path)
    this.#change(path, null)
  }

  rename(from: string, to: string): void {
    const inode = this.inode(from)
    this.checkFolder(folderOf(to))
    if (this.#folders.has(to)) throw new DiskError('EISDIR', to)
    if (from !== to) this.#change(from, { path: to, inode })
  }

  /** Names directly in `folder`, folders with a closing `/`. */
  list(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`
    const names = new Set<string>()
    for (const path of this.#seen.keys()) {
      if (path.startsWith(prefix) && !path.slice(prefix.length).includes('/')) names.add(path.slice(prefix.length))
    }
    for (const path of this.#folders) {
      if (path !== '' && folderOf(path) === folder) names.add(`${path.slice(prefix.length)}/`)
    }
    return [...names].sort(byCodePoint)
  }

  sync(folder: string): void {
    this.checkFolder(folder)
    for (const change of this.#changes) {
      if (change.unsynced.delete(folder) && change.unsynced.size === 0) applyChange(this.#durable, change)
    }
    this.#changes = this.#changes.filter((change) => change.unsynced.size > 0)
  }

  /** The names a crash leaves; `inodeAfter` gives each surviving file as the crash leaves it. */
  afterCrash(survives: Survival, inodeAfter: (inode: MemoryInode) => MemoryInode): MemoryFolders {
    const left = new MemoryFolders()
    for (const folder of this.#folders) left.#folders.add(folder)
    const names = new Map(this.#durable)
    for (const change of this.#changes) if (survives()) applyChange(names, change)
    for (const [path, inode] of names) {
      const after = inodeAfter(inode)
      left.#seen.set(path, after)
      left.#durable.set(path, after)
    }
    return left
  }

  #change(remove: string | null, add: NameChange['add']): void {
    const touched = [remove, add?.path].filter((path) => typeof path === 'string').map(folderOf)
    const change: NameChange = { remove, add, unsynced: new Set(touched) }
    applyChange(this.#seen, change)
    this.#changes.push(change)
  }
}

function applyChange(names: Map<string, MemoryInode>, { remove, add }: NameChange): void {
  if (remove !== null) names.delete(remove)
  if (add) names.set(add.path, add.inode)
}
