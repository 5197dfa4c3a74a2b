using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ChatCqrs.Application.Auditing;

/// <summary>Registers what finds, reads, replays and verifies conversations.</summary>
public static class ReadingServices
{
    public static IServiceCollection AddAuditReading(this IServiceCollection services)
    {
        services.AddSingleton<AuditedLog>().AddSingleton<AuditedMessages>().AddSingleton<AuditedReceipts>()
            .AddSingleton<AuditedViews>().AddSingleton<ConversationsAtMoments>().AddSingleton<Moments>()
            .AddSingleton<ReplayParts>().AddSingleton<VerificationTurns>();
        services.TryAddSingleton<IRecordedBy, NotRecorded>();
        return services;
    }
}

/// <summary>Without a log of heads nothing is recorded.</summary>
internal sealed class NotRecorded : IRecordedBy
{
    public Task<RecordedBatch?> OfAsync(ConversationId conversation, long seq, CancellationToken cancellationToken) =>
        Task.FromResult<RecordedBatch?>(null);

    public Task<AnchoredHead?> NewestAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        Task.FromResult<AnchoredHead?>(null);
}
