/** What a build is made of, as one text: equal for equal sources, whatever their times. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/**
 * SHA-256 over names and bytes of the files, and of all files in the folders but tests.
 * @param {{ root: string, folders: readonly string[], files: readonly string[] }} given names below `root`, all of them there
 * @returns {string}
 */
export function sourcesHash({ root, folders, files }) {
  const found = folders.flatMap((folder) => filesIn(root, folder)).filter((name) => !name.endsWith('.test.ts'))
  const hash = createHash('sha256')
  for (const name of [...found, ...files].sort()) {
    const bytes = readFileSync(join(root, name))
    hash.update(`${name}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex')
}

/**
 * @param {string} root
 * @param {string} folder
 */
function filesIn(root, folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
}
