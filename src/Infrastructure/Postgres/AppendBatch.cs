using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>The columns of one call of <c>log_append</c>.</summary>
internal sealed record AppendBatch(
    string[] Names, long[] Expected, int[] Counts,
    int[] Owners, int[] Indexes, Guid[] Ids, string[] Types,
    ReadOnlyMemory<byte>[] Metadatas, ReadOnlyMemory<byte>[] Payloads)
{
    /// <exception cref="ArgumentException">See <see cref="StreamAppend.Check"/>.</exception>
    public static AppendBatch Of(IReadOnlyList<StreamAppend> appends)
    {
        var events = appends.Sum(append => append.Events.Count);
        var batch = new AppendBatch(
            new string[appends.Count], new long[appends.Count], new int[appends.Count],
            new int[events], new int[events], new Guid[events], new string[events],
            new ReadOnlyMemory<byte>[events], new ReadOnlyMemory<byte>[events]);
        for (int owner = 0, next = 0; owner < appends.Count; owner++)
        {
            var append = appends[owner];
            batch.Names[owner] = append.Stream;
            batch.Expected[owner] = append.ExpectedRevision;
            batch.Counts[owner] = append.Events.Count;
            for (var index = 0; index < append.Events.Count; index++, next++)
            {
                var data = append.Events[index];
                batch.Owners[next] = owner + 1; // PostgreSQL counts from 1.
                batch.Indexes[next] = index;
                batch.Ids[next] = data.EventId;
                batch.Types[next] = data.Type;
                batch.Metadatas[next] = data.Metadata;
                batch.Payloads[next] = data.Payload;
            }
        }

        return batch;
    }
}
