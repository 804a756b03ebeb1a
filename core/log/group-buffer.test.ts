import { describe, expect, it } from 'vitest'
import { LogUnavailableError } from '../errors.ts'
import { GroupBuffer } from './group-buffer.ts'
import { checkFrame, frameBytes, frameHeaderBytes } from './segment-format.ts'

const mib = 1024 * 1024

describe('the records of a commit group', () => {
  it('lie one behind the other as frames, whatever the buffer grew to', () => {
    const group = new GroupBuffer(8 * mib)
    const sizes = [0, 10, 70_000, 3, mib]
    for (const [i, size] of sizes.entries()) void group.add(Buffer.alloc(size, i), 100 + i, 5)
    let at = 0
    for (const [i, size] of sizes.entries()) {
      expect(checkFrame(group.frames, at, 5, 100 + i)).toBe('whole')
      expect(frameBytes(group.frames, at)).toBe(frameHeaderBytes + size)
      at += frameHeaderBytes + size
    }
    expect(group).toMatchObject({ bytes: at, records: 5 })
  })

  it('never take more memory than their limit, and give a burst’s memory back', () => {
    const group = new GroupBuffer(9 * mib)
    for (let i = 0; i < 8; i++) void group.add(Buffer.alloc(mib), i, 5)
    expect(group.frames.buffer.byteLength).toBeLessThanOrEqual(9 * mib)
    group.succeed(0)
    expect(group.frames.buffer.byteLength).toBeLessThan(mib)
    expect(group).toMatchObject({ bytes: 0, records: 0 })
  })

  it('keep an ordinary buffer for the next group', () => {
    const group = new GroupBuffer(9 * mib)
    void group.add(Buffer.alloc(mib), 0, 5)
    const { buffer } = group.frames
    group.succeed(0)
    void group.add(Buffer.alloc(mib), 1, 5)
    expect(group.frames.buffer).toBe(buffer)
  })

  it('are settled once each, in order', async () => {
    const group = new GroupBuffer(mib)
    const stored = [group.add(Buffer.from('a'), 7, 5), group.add(Buffer.from('b'), 8, 5)]
    group.succeed(7)
    const refused = group.add(Buffer.from('c'), 9, 5)
    group.fail('failed', new Error('the disk'))
    expect(await Promise.all(stored)).toEqual([7, 8])
    await expect(refused).rejects.toThrow(LogUnavailableError)
    await expect(refused).rejects.toMatchObject({ reason: 'failed', cause: { message: 'the disk' } })
  })
})
