using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>What witnesses have cosigned. One that is away holds nothing back.</summary>
internal sealed class WitnessedSizes(Witnesses witnesses, NpgsqlDataSource database) : IPublishedElsewhere
{
    public string Name => "Audit:Witnesses";

    public async Task<PublishedSize?> NewestAsync(string log, CancellationToken cancellationToken) =>
        await witnesses.LargestAsync(new EntryLog(log, database), cancellationToken) is { } size
            ? new PublishedSize(size, Note: null)
            : null;
}
