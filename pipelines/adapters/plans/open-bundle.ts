/** Files of plans as modules of this process: bytes become a file of a folder, which is imported. */
import { randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OpenBundle } from '../../runtime/plans/repository.ts'

/**
 * `folder` is made where it is missing; processes may share it. What lies there is never trusted: each file is written
 * before it is imported. A module stays in memory for as long as the process lives.
 */
export function openBundleIn(folder: string): OpenBundle {
  return async (bytes, sha256) => {
    await mkdir(folder, { recursive: true })
    const path = join(folder, `${sha256}.mjs`)
    // Threads of a process share the folder too.
    const draft = join(folder, `${sha256}.${randomUUID()}.part`)
    await writeFile(draft, bytes)
    await rename(draft, path)
    return import(pathToFileURL(path).href)
  }
}
