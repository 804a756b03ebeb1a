import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sourcesHash } from './sources-hash.mjs'

describe('the hash of sources', () => {
  let root = ''
  const hash = () => sourcesHash({ root, folders: ['core', 'gateway'], files: ['package-lock.json'] })
  const write = (name: string, text: string) => writeFileSync(join(root, name), text)

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'hitlake-sources-'))
    mkdirSync(join(root, 'core/ports'), { recursive: true })
    mkdirSync(join(root, 'gateway'))
    write('core/ports/clock.ts', 'export {}')
    write('package-lock.json', '{}')
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is of names and bytes, not of times, tests or files beside', () => {
    const before = hash()
    utimesSync(join(root, 'core/ports/clock.ts'), 1, 1)
    write('core/ports/clock.test.ts', 'it')
    write('README.md', 'text')
    expect(hash()).toBe(before)
  })

  it.each([
    ['a file changes', () => write('core/ports/clock.ts', 'export { }')],
    ['a file is new', () => write('gateway/new.ts', '')],
    ['a file is gone', () => rmSync(join(root, 'core/ports/clock.ts'))],
    ['a file has another name', () => renameSync(join(root, 'core/ports/clock.ts'), join(root, 'core/ports/time.ts'))],
    [
      'a file goes to another folder',
      () => renameSync(join(root, 'core/ports/clock.ts'), join(root, 'gateway/clock.ts')),
    ],
    ['a file that is named changes', () => write('package-lock.json', '{ }')],
  ])('is another where %s', (_, change) => {
    const before = hash()
    change()
    expect(hash()).not.toBe(before)
  })
})
