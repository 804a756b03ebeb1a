import { describe, expect, it } from 'vitest'
import { addressOf, answerMaxBytes, renamedAnswers } from './kafka-names.ts'

const from = 29_092
const to = 40_001

function answer(...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const size = Buffer.alloc(4)
  size.writeUInt32BE(body.length)
  return Buffer.concat([size, body])
}

async function through(bytes: Buffer, piece: number): Promise<Buffer> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  }
  const passed: Buffer[] = []
  for await (const each of renamedAnswers(pieces(), { from, to })) passed.push(each)
  return Buffer.concat(passed)
}

describe('answers of a broker through a proxy', () => {
  it('name the proxy, however they are cut on the way, and are otherwise as they were', async () => {
    const answers = (port: number) =>
      Buffer.concat([
        answer('a', addressOf(port), 'b', addressOf(port), '127.0.0.1'),
        answer(),
        answer(addressOf(9_999)),
        answer('x'.repeat(5_000), addressOf(port)),
      ])
    for (const piece of [1, 2, 3, 7, 13, 64, 4_096, 1_000_000]) {
      expect((await through(answers(from), piece)).equals(answers(to)), `pieces of ${piece}`).toBe(true)
    }
  })

  it('are refused beyond the largest there may be, and where the last one is cut off', async () => {
    const huge = Buffer.alloc(4)
    huge.writeUInt32BE(answerMaxBytes - 3)
    await expect(through(huge, 4)).rejects.toThrow(RangeError)
    huge.writeUInt32BE(answerMaxBytes - 4)
    await expect(through(huge, 4)).rejects.toThrow('ended within an answer')
  })
})
