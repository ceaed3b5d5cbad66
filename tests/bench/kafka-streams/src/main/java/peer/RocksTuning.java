package peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/** One block cache, and one bound for all memtables, shared by every store of the process. */
public final class RocksTuning implements RocksDBConfigSetter {
    static final String CACHE_BYTES = "peer.rocksdb.cache.bytes";
    static final String MEMTABLE_BYTES = "peer.rocksdb.memtable.bytes";
    private static final int BITS_A_KEY = 10;
    private static final long BLOCK_BYTES = 16 << 10;
    private static final long MEMTABLE_SIZE = 8 << 20;

    private static Cache cache;
    private static WriteBufferManager memtables;

    private BloomFilter filter;

    private static synchronized void share(long cacheBytes, long memtableBytes) {
        if (cache == null) {
            cache = new LRUCache(cacheBytes);
            memtables = new WriteBufferManager(memtableBytes, cache);
        }
    }

    @Override
    public void setConfig(String storeName, Options options, Map<String, Object> configs) {
        share((Long) configs.get(CACHE_BYTES), (Long) configs.get(MEMTABLE_BYTES));
        filter = new BloomFilter(BITS_A_KEY);
        BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(cache);
        table.setBlockSize(BLOCK_BYTES);
        table.setFilterPolicy(filter);
        table.setCacheIndexAndFilterBlocks(true);
        table.setPinL0FilterAndIndexBlocksInCache(true);
        options.setTableFormatConfig(table);
        options.setWriteBufferManager(memtables);
        options.setWriteBufferSize(MEMTABLE_SIZE);
        options.setMaxWriteBufferNumber(3);
        options.setCompressionType(CompressionType.LZ4_COMPRESSION);
    }

    @Override
    public void close(String storeName, Options options) {
        filter.close();
    }
}
