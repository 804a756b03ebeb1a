import { feedWriterContract } from '../../ports/feed-writer.contract.ts'
import { createMemoryFeed } from './memory-feed.ts'

feedWriterContract('createMemoryFeed', async () => {
  const feed = createMemoryFeed(3)
  return {
    writer: feed.writer(),
    another: feed.writer(),
    read: async (partition) => (feed.records[partition] ?? []).map(({ value }) => value),
    cleanup: async () => {},
  }
})
