import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countFiles } from './file-counts.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hitlake-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(path: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), '')
}

describe('files of a data folder', () => {
  it('are counted by what they are for', () => {
    for (const path of ['log/1', 'staged/hits/a', 'staged/hits/b', 'checkpoints/0', 'keys.json', 'plans/p']) write(path)
    for (const path of ['hits/data/day=1/a', 'hourly/data/b', 'hits/metadata/v1', 'hits/metadata/v2'])
      write(`lake/${path}`)
    expect(countFiles(folder)).toEqual({ passing: 4, lakeData: 2, lakeMetadata: 2 })
  })

  it('are none where there are no folders yet', () => {
    expect(countFiles(join(folder, 'none'))).toEqual({ passing: 0, lakeData: 0, lakeMetadata: 0 })
  })
})
