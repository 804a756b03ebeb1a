import { describe, expect, it } from 'vitest'
import type { ApiReply } from '../client/api.ts'
import { adoptPlan } from './adopt-command.ts'

const waiting = { name: 'hits', hash: '0', live: 'aaa', release: 'bbb', waits: true, runs: 'stream', jobs: {} }
const adopted = { ...waiting, live: 'bbb', waits: false }

function server(now: object, status = 200) {
  const lines: string[] = []
  const posts: string[] = []
  const reply = (body: object): ApiReply => ({ status, body, headers: new Headers() })
  return {
    lines,
    posts,
    context: {
      api: {
        get: async () => reply(now),
        post: async (path: string) => {
          posts.push(path)
          return reply(adopted)
        },
      },
      terminal: { out: (line: string) => lines.push(line) },
      confirm: null,
    },
  }
}

describe('adopt', () => {
  it('says what it means, and asks', async () => {
    const { context, lines, posts } = server(waiting)
    const asked: string[] = []
    const answers = [false, true]
    const confirm = async (question: string) => {
      asked.push(question)
      return answers[asked.length - 1] ?? false
    }
    expect(await adoptPlan({ ...context, confirm }, 'hits', {})).toBe(1)
    expect(posts).toEqual([])
    expect(lines.at(-1)).toBe('nothing was changed')
    expect(await adoptPlan({ ...context, confirm }, 'hits', {})).toBe(0)
    expect(posts).toEqual(['/v1/admin/pipelines/hits/adopt'])
    expect(asked).toEqual(Array(2).fill("Process 'hits' by plan bbb from now on?"))
    expect(lines.slice(5)).toEqual([
      "'hits' runs by plan aaa; plan bbb, of the server's release, would make other numbers, and waits.",
      'Adopted, it processes hits from now on. Rows of the past stay as they were made, so numbers of before and after do',
      'not compare where the plans differ: `hitlake diff hits` says where. The way back is `hitlake adopt` by a server of',
      'the release before. `hitlake rerun hits --snapshot latest` brings the plan in for the past too, and rolls back.',
      "Plan bbb of 'hits' is live from the next epoch on.",
    ])
  })

  it('needs --yes where nobody can be asked', async () => {
    const { context, posts, lines } = server(waiting)
    await expect(adoptPlan(context, 'hits', {})).rejects.toThrow('add --yes to say that it is meant')
    expect(posts).toEqual([])
    expect(await adoptPlan(context, 'hits', { yes: true })).toBe(0)
    expect(posts).toHaveLength(1)
    expect(lines.at(-1)).toBe("Plan bbb of 'hits' is live from the next epoch on.")
  })

  it('asks nothing where there is nothing to change', async () => {
    const { context, lines } = server(adopted)
    expect(await adoptPlan(context, 'hits', {})).toBe(0)
    expect(lines).toEqual(["Plan bbb of 'hits', this release's, is live already."])
  })

  it('prints nothing but the result as JSON where that is wanted', async () => {
    const { context, lines } = server(waiting)
    expect(await adoptPlan(context, 'hits', { json: true, yes: true })).toBe(0)
    expect(lines.map((line) => JSON.parse(line))).toEqual([adopted])
  })

  it('says what the server says against it', async () => {
    const { context } = server({ code: 'not_found', detail: "there is no pipeline 'clicks'" }, 404)
    await expect(adoptPlan(context, 'clicks', { yes: true })).rejects.toThrow("there is no pipeline 'clicks'")
  })
})
