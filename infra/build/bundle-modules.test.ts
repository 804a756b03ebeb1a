import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bundleModules, processEntries } from './bundle-modules.mjs'

const project = fileURLToPath(new URL('../..', import.meta.url))
let root: string
let dist: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hitlake-bundle-'))
  dist = join(root, 'dist')
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

const run = (file: string) => execFileSync(process.execPath, [join(dist, file)], { encoding: 'utf8' }).trim()

it('leaves each entry where it was, and what modules find beside themselves', async () => {
  write({
    'package.json': '{ "type": "module" }',
    'a/entry.ts': `import { beside } from '../deep/er/beside.ts'
const { later } = await import('./later.ts')
console.log(beside(), later as string)`,
    'a/later.ts': `import { beside } from '../deep/er/beside.ts'
export const later: string = 'later ' + beside()`,
    'deep/er/beside.ts': `import { readFileSync } from 'node:fs'
const text: string = readFileSync(new URL('beside.txt', import.meta.url), 'utf8')
export const beside = () => text`,
    'dist/deep/er/beside.txt': 'found',
    'dist/a/entry.js': 'the compiled module',
    'dist/a/entry.js.map': '{}',
  })
  await bundleModules({ root, dist, entries: ['a/entry.ts'] })
  expect(readFileSync(join(dist, 'a/entry.js'), 'utf8')).toBe(`import '../bundle/entry.js'\n`)
  expect(existsSync(join(dist, 'a/entry.js.map'))).toBe(false)
  expect(existsSync(join(dist, 'bundle/entry.js.map'))).toBe(true)
  expect(run('a/entry.js')).toBe('found later found')
})

it('has each module once, also where two entries and a module loaded later share it', async () => {
  write({
    'package.json': '{ "type": "module" }',
    'one.ts': `import { thing } from './thing.ts'
await import('./two.ts')
console.log(thing.seen)`,
    'two.ts': `import { thing } from './thing.ts'
thing.seen += 1`,
    'thing.ts': 'export const thing = { seen: 0 }',
    'dist/one.js': '',
    'dist/two.js': '',
  })
  await bundleModules({ root, dist, entries: ['one.ts', 'two.ts'] })
  expect(run('one.js')).toBe('1')
})

it('leaves packages outside, and refuses what is not there', async () => {
  write({
    'package.json': '{}',
    'a.ts': `import 'no-such-package'`,
    'b.ts': `import './no-such-module.ts'`,
    'dist/a.js': '',
  })
  await bundleModules({ root, dist, entries: ['a.ts'] })
  expect(readFileSync(join(dist, 'bundle/a.js'), 'utf8')).toContain('no-such-package')
  await expect(bundleModules({ root, dist, entries: ['b.ts'] })).rejects.toThrow('no-such-module')
})

it('refuses a module that would find something else', async () => {
  write({ 'package.json': '{}', 'a.ts': 'console.log(import.meta.dirname)', 'dist/a.js': '' })
  await expect(bundleModules({ root, dist, entries: ['a.ts'] })).rejects.toThrow('import.meta.dirname in ../a.js')
})

it('was done to this release: every entry of a process only imports its file', () => {
  for (const entry of processEntries) {
    const text = readFileSync(join(project, 'dist', entry.replace(/\.ts$/, '.js')), 'utf8')
    expect(text, entry).toMatch(/^import '[./]+\/bundle\/[a-z-]+\.js'\n$/)
  }
})
