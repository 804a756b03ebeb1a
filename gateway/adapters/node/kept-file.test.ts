import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeKeptFile } from './kept-file.ts'

describe('a kept file', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hitlake-kept-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is not there at first, and then what was put last, for its owner alone', async () => {
    const path = join(folder, 'a.json')
    const file = nodeKeptFile(path)
    expect(await file.read()).toBeUndefined()
    await file.replace(Buffer.from('a longer text'))
    await file.replace(Buffer.from('short'))
    expect(await nodeKeptFile(path).read()).toEqual(Buffer.from('short'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('is the old one when the machine stopped while the new one was written', async () => {
    const path = join(folder, 'b.json')
    const file = nodeKeptFile(path)
    await file.replace(Buffer.from('old'))
    await writeFile(`${path}.new`, 'ne')
    expect(await file.read()).toEqual(Buffer.from('old'))
    await file.replace(Buffer.from('newer'))
    expect(await file.read()).toEqual(Buffer.from('newer'))
  })
})
