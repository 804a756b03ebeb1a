/** A kept file on this machine's disk: written beside, synced, renamed. Only its owner may read it (mode 0600). */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { KeptFile } from '../../core/kept-file.ts'

/** The file `path` in a folder that exists. */
export function nodeKeptFile(path: string): KeptFile {
  const beside = `${path}.new`
  return {
    async read() {
      try {
        return await readFile(path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async replace(bytes) {
      const file = await open(beside, 'w', 0o600)
      try {
        await file.writeFile(bytes)
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(beside, path)
      const folder = await open(dirname(path), 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    },
  }
}
