using ChatCqrs.Client.Http;

namespace ChatCqrs.Client;

/// <content>Signing in and out; people.</content>
public sealed partial class ChatClient
{
    private Guid? _registration;

    /// <summary>Asks the server to send a code to a phone.</summary>
    /// <param name="phone">In E.164, such as <c>+12025550123</c>.</param>
    /// <param name="name">The name others see, for somebody new.</param>
    /// <exception cref="ChatException">No phone, too many codes, or no answer.</exception>
    public async Task<Registration> RegisterAsync(
        string phone, string? name = null, CancellationToken cancellationToken = default)
    {
        var started = await _shared.Rest.GetAsync(
            HttpMethod.Post, "v1/registrations", WireJson.Default.Registration,
            Rest.Body(new RegistrationBody(phone, name), WireJson.Default.RegistrationBody), authorization: "",
            cancellationToken: cancellationToken).ConfigureAwait(false);
        _registration = started.RegistrationId;
        return started;
    }

    /// <summary>Signs in with the code that <see cref="RegisterAsync"/> had sent.</summary>
    /// <exception cref="ChatException">
    /// <c>wrong_code</c>; <c>registration_burnt</c> after five wrong ones; or no answer, when the same code may be
    /// given again for a minute.
    /// </exception>
    /// <exception cref="InvalidOperationException">Nothing was registered.</exception>
    public async Task<Account> VerifyAsync(string code, CancellationToken cancellationToken = default)
    {
        var registration = _registration
            ?? throw new InvalidOperationException("Call RegisterAsync first, with the same client.");
        var answer = await _shared.Rest.GetAsync(
            HttpMethod.Post, $"v1/registrations/{registration}/verification", WireJson.Default.TokenAnswer,
            Rest.Body(new VerificationBody(code, OwnDevice()), WireJson.Default.VerificationBody), authorization: "",
            cancellationToken: cancellationToken).ConfigureAwait(false);
        return await SignInAsync(answer, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Signs in with another device of the same person: show the link's address as a QR code, and wait for its
    /// approval.
    /// </summary>
    public async Task<DeviceLink> LinkAsync(CancellationToken cancellationToken = default)
    {
        var started = await _shared.Rest.GetAsync(
            HttpMethod.Post, "v1/device-links", WireJson.Default.LinkStarted,
            Rest.Body(new LinkBody(OwnDevice(), null), WireJson.Default.LinkBody), authorization: "",
            cancellationToken: cancellationToken).ConfigureAwait(false);
        return new DeviceLink(this, started, NewCode());
    }

    /// <summary>Reads a scanned link. Show the request to its person before <see cref="ApproveLinkAsync"/>.</summary>
    /// <exception cref="FormatException">No address of a link.</exception>
    public Task<LinkRequest> ReadLinkAsync(string link, CancellationToken cancellationToken = default) =>
        _shared.Rest.GetAsync(
            HttpMethod.Get, $"v1/device-links/{LinkAddress.Parse(link).Id}/request", WireJson.Default.LinkRequest,
            cancellationToken: cancellationToken);

    /// <summary>Signs the other device in as oneself.</summary>
    /// <exception cref="FormatException">No address of a link.</exception>
    /// <exception cref="ChatException"><c>link_settled</c>: too late, or done before.</exception>
    public Task ApproveLinkAsync(string link, CancellationToken cancellationToken = default)
    {
        var address = LinkAddress.Parse(link);
        return SettleAsync(address, new ApprovalBody(address.Proof(), null, null), cancellationToken);
    }

    /// <summary>Refuses it.</summary>
    /// <exception cref="FormatException">No address of a link.</exception>
    public Task RefuseLinkAsync(string link, CancellationToken cancellationToken = default) =>
        SettleAsync(LinkAddress.Parse(link), new ApprovalBody(null, null, true), cancellationToken);

    /// <summary>
    /// Signs this device out, here and at the server, and removes everything that the store has of it. Without an
    /// answer nothing is removed.
    /// </summary>
    public async Task SignOutAsync(CancellationToken cancellationToken = default)
    {
        if (!await IsSignedInAsync(cancellationToken).ConfigureAwait(false))
            return;
        await CloseAsync().ConfigureAwait(false);
        try
        {
            await _shared.Rest.DoAsync(
                HttpMethod.Delete, $"v1/devices/{Account!.DeviceId}", cancellationToken: cancellationToken)
                .ConfigureAwait(false);
        }
        catch (ChatException gone) when (gone.Code == ErrorCode.SignedOut)
        {
            // As wanted.
        }

        await _shared.Rest.Tokens.ForgetAsync(cancellationToken).ConfigureAwait(false);
        await ClearAsync(cancellationToken).ConfigureAwait(false);
        _connection.Rest(signedIn: false);
    }

    /// <summary>The server's bounds and features; needs no signing in.</summary>
    public Task<ServerInfo> ServerAsync(CancellationToken cancellationToken = default) => _shared.Rest.GetAsync(
        HttpMethod.Get, "v1/server", WireJson.Default.ServerInfo, authorization: "",
        cancellationToken: cancellationToken);

    /// <summary>One's own profile.</summary>
    public Task<OwnProfile> MeAsync(CancellationToken cancellationToken = default) => _shared.Rest.GetAsync(
        HttpMethod.Get, "v1/users/me", WireJson.Default.OwnProfile, cancellationToken: cancellationToken);

    /// <summary>Finds the accounts of phones.</summary>
    /// <param name="phones">1 to 200, in E.164.</param>
    public async Task<IReadOnlyList<ContactMatch>> LookupAsync(
        IReadOnlyList<string> phones, CancellationToken cancellationToken = default) =>
        (await _shared.Rest.GetAsync(
            HttpMethod.Post, "v1/contacts/lookup", WireJson.Default.LookupAnswer,
            Rest.Body(new LookupBody(phones), WireJson.Default.LookupBody), cancellationToken: cancellationToken)
            .ConfigureAwait(false)).Matches;

    /// <summary>The profiles of people; unknown ones are left out.</summary>
    /// <param name="userIds">1 to 200.</param>
    public async Task<IReadOnlyList<Profile>> UsersAsync(
        IReadOnlyList<Guid> userIds, CancellationToken cancellationToken = default) =>
        (await _shared.Rest.GetAsync(
            HttpMethod.Get, $"v1/users?ids={string.Join(',', userIds)}", WireJson.Default.UsersAnswer,
            cancellationToken: cancellationToken).ConfigureAwait(false)).Users;

    /// <summary>One's own devices.</summary>
    public async Task<IReadOnlyList<Device>> DevicesAsync(CancellationToken cancellationToken = default) =>
        (await _shared.Rest.GetAsync(
            HttpMethod.Get, "v1/devices", WireJson.Default.DevicesAnswer, cancellationToken: cancellationToken)
            .ConfigureAwait(false)).Devices;

    /// <summary>Signs one of one's own devices out.</summary>
    public Task RemoveDeviceAsync(Guid deviceId, CancellationToken cancellationToken = default) =>
        _shared.Rest.DoAsync(HttpMethod.Delete, $"v1/devices/{deviceId}", cancellationToken: cancellationToken);

    /// <summary>Refuses somebody's direct messages, or takes them again.</summary>
    public Task BlockAsync(Guid userId, bool blocked = true, CancellationToken cancellationToken = default) =>
        _shared.Rest.DoAsync(
            blocked ? HttpMethod.Put : HttpMethod.Delete, $"v1/blocks/{userId}", cancellationToken: cancellationToken);

    /// <summary>The bytes of a file that was sent to the caller.</summary>
    public async Task<Stream> DownloadAsync(Guid fileId, CancellationToken cancellationToken = default)
    {
        var answer = await _shared.Rest.SendAsync(
            () => new HttpRequestMessage(HttpMethod.Get, $"v1/media/download?file_id={fileId}"), null, null,
            cancellationToken).ConfigureAwait(false);
        return await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Signed addresses of files, good without a token; without those that the caller may not have.</summary>
    /// <param name="fileIds">1 to 100.</param>
    public async Task<IReadOnlyList<MediaLink>> MediaLinksAsync(
        IReadOnlyList<Guid> fileIds, CancellationToken cancellationToken = default) =>
        (await _shared.Rest.GetAsync(
            HttpMethod.Post, "v1/media/links", WireJson.Default.LinksAnswer,
            Rest.Body(new LinksBody(fileIds), WireJson.Default.LinksBody), cancellationToken: cancellationToken)
            .ConfigureAwait(false)).Links;

    /// <summary>
    /// Any other call of the API, with this device's token. The answer's body is not read yet; dispose the answer.
    /// </summary>
    /// <param name="path">Relative to the server's address, such as <c>v1/devices</c>.</param>
    /// <param name="body">Makes the content, again for each attempt; null for none.</param>
    /// <param name="within">How long to wait for the answer's head; by default <c>RequestWithin</c>.</param>
    /// <exception cref="ChatException">Refused, or not answered.</exception>
    public Task<HttpResponseMessage> CallAsync(
        HttpMethod method, string path, Func<HttpContent>? body = null, TimeSpan? within = null,
        CancellationToken cancellationToken = default) => _shared.Rest.SendAsync(
            () => new HttpRequestMessage(method, path) { Content = body?.Invoke() }, null, within, cancellationToken);

    internal Task<LinkAnswer> AskLinkAsync(LinkStarted link, TimeSpan within, CancellationToken cancellationToken) =>
        _shared.Rest.GetAsync(
            HttpMethod.Get, $"v1/device-links/{link.LinkId}", WireJson.Default.LinkAnswer,
            authorization: $"Link {link.Secret}", within: within, cancellationToken: cancellationToken);

    internal async Task<Account> SignInAsync(TokenAnswer answer, CancellationToken cancellationToken)
    {
        var account = await _shared.Rest.Tokens.SignInAsync(answer, cancellationToken).ConfigureAwait(false);
        await TakeOverAsync(account, cancellationToken).ConfigureAwait(false);
        _loaded = true;
        return account;
    }

    private LinkedDevice OwnDevice() => new(_shared.Options.DeviceName, _shared.Options.Platform);

    private Task SettleAsync(LinkAddress link, ApprovalBody body, CancellationToken cancellationToken) =>
        _shared.Rest.DoAsync(
            HttpMethod.Post, $"v1/device-links/{link.Id}/approval",
            Rest.Body(body, WireJson.Default.ApprovalBody), cancellationToken);
}
