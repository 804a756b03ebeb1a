import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { sha256Of } from '../../runtime/plans/repository.ts'
import { openBundleIn } from './open-bundle.ts'

const folder = mkdtempSync(join(tmpdir(), 'hitlake-open-'))
afterAll(() => rmSync(folder, { recursive: true }))

const open = (text: string, cache = folder) => {
  const bytes = Buffer.from(text)
  return openBundleIn(cache)(bytes, sha256Of(bytes))
}

describe('a file of a plan', () => {
  it('is a module of this process, the same one however often it is asked for', async () => {
    const text = 'export const pipeline = { made: 1 }\n'
    const [one, two] = await Promise.all([open(text), open(text)])
    expect(one.pipeline).toEqual({ made: 1 })
    expect(two.pipeline).toBe(one.pipeline)
  })

  it('stands beside others', async () => {
    const [a, b] = await Promise.all([open('export const is = "a"\n'), open('export const is = "b"\n')])
    expect([a.is, b.is]).toEqual(['a', 'b'])
  })

  it('may use what Node brings, and nothing that lies around', async () => {
    expect((await open("import { sep } from 'node:path'\nexport const is = sep\n")).is).toBe('/')
    await expect(open("import './nowhere.mjs'\n")).rejects.toThrow()
  })

  it('is made of the bytes, whatever lies in the folder under its name', async () => {
    const text = 'export const is = "right"\n'
    writeFileSync(join(folder, `${sha256Of(Buffer.from(text))}.mjs`), 'export const is = "wrong"\n')
    expect((await open(text)).is).toBe('right')
  })

  it('comes into a folder that is made for it, and leaves nothing half done there', async () => {
    const cache = join(folder, 'not', 'yet')
    await open('export const is = 3\n', cache)
    expect(readdirSync(cache)).toEqual([`${sha256Of(Buffer.from('export const is = 3\n'))}.mjs`])
  })
})
