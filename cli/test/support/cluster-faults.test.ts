import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../../seed/random.ts'
import { drawFaults, faultKinds, membersOf, serversOfRole, wiredMembers } from './cluster-faults.ts'

const listOf = (count: number, seed: number) =>
  drawFaults(count, mulberry32(seed)).map(({ kind, detail, goesOn }) => ({ kind, detail, goesOn }))

describe('faults that are drawn', () => {
  it('are the same for a seed, whom they meet and how included, and others for another', () => {
    expect(listOf(200, 5)).toEqual(listOf(200, 5))
    expect(listOf(200, 5)).not.toEqual(listOf(200, 6))
  })

  it('are of each kind once before any comes again, in an order of the seed', () => {
    for (const seed of [1, 2, 3]) {
      const kinds = listOf(faultKinds.length * 3, seed).map(({ kind }) => kind)
      expect(new Set(kinds.slice(0, faultKinds.length))).toEqual(new Set(faultKinds))
    }
    expect(listOf(faultKinds.length, 1)[0]).not.toEqual(listOf(faultKinds.length, 2)[0])
    expect(listOf(4, 1)).toHaveLength(4)
  })

  it('meet every process, and every wire of the processes that have proxies', () => {
    const details = listOf(2_000, 7).map(({ detail }) => detail)
    for (const [role, count] of Object.entries(membersOf)) {
      for (let i = 0; i < count; i++) expect(details.some((detail) => detail === `${role}-${i}`)).toBe(true)
    }
    for (const member of wiredMembers) {
      for (const server of serversOfRole[member.replace(/-\d$/, '') as keyof typeof serversOfRole]) {
        expect(details.some((detail) => detail.startsWith(`${member} to ${server} for`))).toBe(true)
      }
    }
  })
})
