/** The threads of the tests as JavaScript: a thread's Node runs no TypeScript, and to cut types away in each costs seconds. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { importedNames } from '../../../../infra/test/imported-names.ts'
import { withoutTypes } from '../../../../infra/test/without-types.mjs'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const thread = fileURLToPath(new URL('../split-thread.ts', import.meta.url))
const programs = fileURLToPath(new URL('./programs.ts', import.meta.url))

export interface BuiltThreads {
  /** split-thread.ts. */
  readonly threadEntry: URL
  /** programs.ts. */
  readonly module: URL
  remove(): void
}

/** Cuts the types away from what the threads run, once, into a folder of its own. */
export function buildThreads(): BuiltThreads {
  const { placeOf, remove } = buildModules([thread, programs])
  return { threadEntry: pathToFileURL(placeOf(thread)), module: pathToFileURL(placeOf(programs)), remove }
}

/** The same of these files and all of ours that they lead to; `besides`: files that those read, as they are. */
export function buildModules(files: readonly string[], besides: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-threads-'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const placeOf = (file: string) => join(folder, relative(root, file)).replace(/\.ts$/, '.js')
  for (const file of [...importedBy(files), ...besides]) {
    mkdirSync(dirname(placeOf(file)), { recursive: true })
    if (file.endsWith('.ts')) writeFileSync(placeOf(file), withoutTypes(file, read(file), { extensions: 'rewritten' }))
    else symlinkSync(file, placeOf(file))
  }
  return { placeOf, remove: () => rmSync(folder, { recursive: true }) }
}

/** The files and all of ours that they lead to. */
function importedBy(files: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>(files)
  // A set that grows while it is walked is walked to its end.
  for (const file of found) {
    if (!file.endsWith('.ts')) continue
    // Without types: what is imported for them alone is not loaded.
    for (const name of importedNames(file, withoutTypes(file, read(file)))) {
      if (name.startsWith('.')) found.add(join(dirname(file), name))
    }
  }
  return found
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}
