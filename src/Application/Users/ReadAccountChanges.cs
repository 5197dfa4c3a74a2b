using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Reads what some events of a user's stream changed.</summary>
public static class ReadAccountChanges
{
    /// <summary>The most events that are read; of more, the last ones.</summary>
    public const int EventsMax = 256;

    /// <summary>How many events before a device's removal are searched for what it was called.</summary>
    public const int SearchMax = 16 * 1024;

    /// <param name="First">The first revision.</param>
    /// <param name="Last">The last revision.</param>
    /// <param name="ProfileOnly">Whether only changes of the profile are wanted.</param>
    public sealed record Query(UserId User, long First, long Last, bool ProfileOnly)
        : IRequest<IReadOnlyList<AccountChange>>;

    internal sealed class Validator : AbstractValidator<Query>;

    /// <remarks>The last one of several changes of the same thing, in the order of these.</remarks>
    internal sealed class Handler(
        IEventStore store, IEventCodec codec, ProfileReader profiles, IDeviceSessions sessions)
        : IRequestHandler<Query, IReadOnlyList<AccountChange>>
    {
        public async Task<IReadOnlyList<AccountChange>> Handle(Query request, CancellationToken cancellationToken)
        {
            var first = Math.Max(request.First, request.Last - EventsMax + 1);
            var events = await ReadAsync(request.User, first, request.Last, cancellationToken);
            var seen = new HashSet<object>();
            var changes = new List<AccountChange>();
            foreach (var item in Enumerable.Reverse(events))
            {
                if (KeyOf((UserEvent)item.Event) is { } key && (!request.ProfileOnly || key is Type) && seen.Add(key)
                    && await ChangeAsync(request.User, item, cancellationToken) is { } change)
                    changes.Add(change);
            }

            changes.Reverse();
            return changes;
        }

        /// <summary>What an event changes; null for what nobody is told of.</summary>
        private static object? KeyOf(UserEvent @event) => @event switch
        {
            UserEvent.ConversationSettingsChanged e => e.Conversation,
            UserEvent.UserBlocked e => e.Other,
            UserEvent.UserUnblocked e => e.Other,
            UserEvent.DeviceAdded e => (e.Device, true),
            UserEvent.DeviceRemoved e => (e.Device, false),
            UserEvent.ProfileChanged or UserEvent.UserErased => typeof(Profile),
            _ => null,
        };

        private async ValueTask<AccountChange?> ChangeAsync(
            UserId user, Recorded item, CancellationToken cancellationToken) => item.Event switch
            {
                UserEvent.ConversationSettingsChanged e =>
                    new AccountChange.OfSettings(e.Conversation, e.Settings) { Position = item.Position },
                UserEvent.UserBlocked e =>
                    new AccountChange.OfBlock(e.Other, Blocked: true) { Position = item.Position },
                UserEvent.UserUnblocked e =>
                    new AccountChange.OfBlock(e.Other, Blocked: false) { Position = item.Position },
                UserEvent.DeviceAdded e => new AccountChange.OfDevice(
                    await ShownAsync(user, e, cancellationToken), Added: true)
                { Position = item.Position },
                UserEvent.DeviceRemoved e
                    when await AddedAsync(user, item.Revision, e.Device, cancellationToken) is { } added =>
                    new AccountChange.OfDevice(await ShownAsync(user, added, cancellationToken), Added: false)
                    {
                        Position = item.Position,
                    },
                UserEvent.ProfileChanged e => new AccountChange.OfProfile(
                    user, await OpenAsync(user, e.Profile, cancellationToken))
                { Position = item.Position },
                UserEvent.UserErased => new AccountChange.OfProfile(user, Profile: null) { Position = item.Position },
                _ => null,
            };

        /// <returns>Null when the account was erased meanwhile.</returns>
        private async ValueTask<Profile?> OpenAsync(
            UserId user, SealedContent profile, CancellationToken cancellationToken)
        {
            try
            {
                return await profiles.OpenAsync(user, profile, cancellationToken);
            }
            catch (RefusedException refused) when (refused.Refusal == Refusal.UserUnknown)
            {
                return null;
            }
        }

        private async ValueTask<ListDevices.Item> ShownAsync(
            UserId user, UserEvent.DeviceAdded added, CancellationToken cancellationToken)
        {
            var device = User.Evolve(User.NotRegistered, added).Devices.Single();
            var lastSeen = await sessions.LastSeenAsync(user, cancellationToken);
            return ListDevices.Item.Of(device, lastSeen, current: null);
        }

        /// <summary>Finds how a removed device was added.</summary>
        /// <returns>Null when that is too long ago, or was erased.</returns>
        private async ValueTask<UserEvent.DeviceAdded?> AddedAsync(
            UserId user, long before, DeviceId device, CancellationToken cancellationToken)
        {
            var end = Math.Max(0, before - SearchMax);
            for (var next = before; next > end; next -= EventsMax)
            {
                var page = await ReadAsync(user, Math.Max(end, next - EventsMax), next - 1, cancellationToken);
                var added = page.Select(item => item.Event).OfType<UserEvent.DeviceAdded>()
                    .LastOrDefault(e => e.Device == device);
                if (added is not null)
                    return added;
            }

            return null;
        }

        /// <summary>Reads events, but for those of types that only a newer version knows.</summary>
        private async ValueTask<List<Recorded>> ReadAsync(
            UserId user, long first, long last, CancellationToken cancellationToken)
        {
            var stored = await store.ReadStreamAsync(
                StreamName.Of(user), first, ReadDirection.Forwards, (int)(last - first + 1), cancellationToken);
            return [.. stored.Where(item => item.Revision <= last && codec.TypeOf(item.Type) is not null)
                .Select(codec.Decode)];
        }
    }
}
