using System.IO.Pipelines;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Receipts;
using ChatCqrs.Projections.Timeline;
using MediatR;

namespace ChatCqrs.Application.Export;

/// <summary>
/// Writes all data about the caller, as they may see it, page by page. Refusals precede the first byte; a later failure
/// breaks the answer off, so that a partial export is never mistaken for a complete one.
/// </summary>
public static class ExportAccount
{
    private const int PageSize = 100;

    /// <param name="Output">The destination.</param>
    public sealed record Query(UserId Caller, DeviceId Device, PipeWriter Output) : IRequest<Unit>;

    internal sealed class Handler(
        ProfileReader profiles, IDeviceSessions sessions, IPushSubscriptions subscriptions, IContentSealer sealer,
        IMedia media, IUploads uploads, FileNames names,
        ExportedConversations conversations, TimeProvider clock) : IRequestHandler<Query, Unit>
    {
        public async Task<Unit> Handle(Query request, CancellationToken cancellationToken)
        {
            var (user, profile) = await profiles.ReadAsync(request.Caller, cancellationToken);
            await using var writer = new ExportWriter(request.Output, cancellationToken);
            writer.Begin();
            writer.Value("exported_at", clock.GetUtcNow());
            writer.Value("profile", new
            {
                UserId = request.Caller.Value,
                profile.Phone,
                profile.Name,
                profile.About,
                profile.Avatar,
                CreatedAt = user.RegisteredAt,
            });
            await WriteDevicesAsync(writer, user, request, cancellationToken);
            await WriteBlocksAsync(writer, user, cancellationToken);
            writer.Value("settings", user.Settings.Select(setting => new
            {
                ConversationId = setting.Key.Value,
                setting.Value.Pinned,
                setting.Value.Archived,
                setting.Value.MutedUntil,
            }));
            await WriteSubscriptionsAsync(writer, request.Caller, cancellationToken);
            await WriteMediaAsync(writer, request.Caller, cancellationToken);
            await conversations.WriteAsync(writer, request.Caller, cancellationToken);
            writer.End();
            return Unit.Value;
        }

        private async Task WriteDevicesAsync(
            ExportWriter writer, User user, Query request, CancellationToken cancellationToken)
        {
            var lastSeen = await sessions.LastSeenAsync(request.Caller, cancellationToken);
            writer.Value("devices", user.Devices.Select(device => new
            {
                DeviceId = device.Id.Value,
                device.Name,
                device.Platform,
                device.Ephemeral,
                device.AddedAt,
                LastSeen = lastSeen.GetValueOrDefault(device.Id, device.AddedAt),
                Current = device.Id == request.Device,
            }));
            writer.Value("sessions", (await sessions.OfAsync(request.Caller, cancellationToken)).Select(session => new
            {
                DeviceId = session.Device.Value,
                session.SignedInAt,
                session.LastSeen,
                session.EndsAt,
            }));
        }

        private async Task WriteBlocksAsync(ExportWriter writer, User user, CancellationToken cancellationToken)
        {
            var called = await profiles.NamesAsync([.. user.Blocked.Keys], cancellationToken);
            writer.Value(
                "blocks",
                user.Blocked.Select(
                    block => new { UserId = block.Key.Value, Name = called[block.Key], BlockedAt = block.Value }));
        }

        private async Task WriteSubscriptionsAsync(
            ExportWriter writer, UserId caller, CancellationToken cancellationToken)
        {
            writer.BeginArray("push_subscriptions");
            foreach (var subscription in await subscriptions.OfAsync(caller, cancellationToken))
            {
                var target = await sealer.OpenAsync(
                    PushTarget.ScopeOf(caller), subscription.Target, cancellationToken) is { } bytes
                    ? PushTarget.FromBytes(bytes.Span)
                    : null;
                await writer.ItemAsync(new
                {
                    SubscriptionId = subscription.Id,
                    subscription.Platform,
                    DeviceId = subscription.Device.Value,
                    target?.Endpoint,
                    target?.Token,
                    target?.Topic,
                    subscription.CreatedAt,
                });
            }

            writer.EndArray();
        }

        private async Task WriteMediaAsync(ExportWriter writer, UserId caller, CancellationToken cancellationToken)
        {
            await writer.ArrayAsync<MediaFile>(
                "media", last => media.OwnedAsync(caller, last?.Id, PageSize, cancellationToken), async file => new
                {
                    FileId = file.Id.Value,
                    file.FileType,
                    file.ContentType,
                    file.Size,
                    Sha256 = Convert.ToHexStringLower(file.Sha256.Span),
                    Filename = await names.OpenAsync(caller, file.Id, file.Name, cancellationToken),
                    UploadedAt = file.At,
                });
            writer.Value("uploads", (await uploads.UnfinishedAsync(caller, cancellationToken)).Select(upload => new
            {
                UploadId = upload.Id,
                upload.FileType,
                upload.Length,
                upload.Received,
                upload.ExpiresAt,
            }));
        }
    }
}

/// <summary>
/// Writes an export's conversations: everything the user may see in current ones; their own messages and receipts in
/// former ones.
/// </summary>
internal sealed class ExportedConversations(
    IMediator mediator, IInbox inbox, ITimeline timeline, IReceipts receipts, MessageViews views)
{
    private const int PageSize = 100;

    public async Task WriteAsync(ExportWriter writer, UserId user, CancellationToken cancellationToken)
    {
        writer.BeginArray("conversations");
        foreach (var id in await inbox.ConversationsAsync(user, cancellationToken))
        {
            if (await DetailsAsync(user, id, cancellationToken) is { } details)
                await WriteAsync(writer, user, id, details, cancellationToken);
        }

        writer.EndArray();
        writer.BeginArray("former_conversations");
        foreach (var id in await inbox.FormerAsync(user, cancellationToken))
        {
            writer.Begin();
            writer.Value("conversation_id", id.Value);
            await WriteWrittenAsync(writer, user, id, cancellationToken);
            await WriteReceiptsAsync(writer, user, id, cancellationToken);
            writer.End();
        }

        writer.EndArray();
    }

    private async Task WriteAsync(
        ExportWriter writer, UserId user, ConversationId id, ConversationDetails details,
        CancellationToken cancellationToken)
    {
        writer.Begin();
        writer.Value("conversation", details with { LastMessage = null }); // The entries include it.
        await writer.ArrayAsync<TimelineEntryView>("entries", async last =>
            (await mediator.Send(new GetTimeline.Query(user, id, last?.Seq, PageSize), cancellationToken)).Entries,
            ValueTask.FromResult<object>);
        await WriteReceiptsAsync(writer, user, id, cancellationToken);
        writer.End();
    }

    /// <returns>Null if the user left since it was listed.</returns>
    private async Task<ConversationDetails?> DetailsAsync(
        UserId user, ConversationId id, CancellationToken cancellationToken)
    {
        try
        {
            return await mediator.Send(new GetConversation.Query(user, id), cancellationToken);
        }
        catch (RefusedException refused) when (refused.Refusal == Refusal.ConversationUnknown)
        {
            return null;
        }
    }

    private Task WriteWrittenAsync(
        ExportWriter writer, UserId user, ConversationId id,
        CancellationToken cancellationToken) => writer.ArrayAsync<TimelineEntry>(
        "messages", last => timeline.WrittenAsync(id, user, last?.Seq ?? -1, PageSize, cancellationToken),
        async entry => await views.OpenAsync(entry, "sent", cancellationToken));

    private Task WriteReceiptsAsync(
        ExportWriter writer, UserId user, ConversationId id,
        CancellationToken cancellationToken) => writer.ArrayAsync<ReceiptMark>(
        "receipts", last => receipts.MarksAsync(id, user, last, PageSize, cancellationToken),
        mark => ValueTask.FromResult<object>(new { Kind = mark.IsRead ? "read" : "delivered", mark.UpToSeq, mark.At }));
}
