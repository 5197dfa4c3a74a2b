using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance.Client;

/// <summary>A browser with a local push service: collects pushes and decrypts them (RFC 8291).</summary>
public sealed class PushEndpoint : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly List<byte[]> _bodies = [];
    private readonly ECDiffieHellman _key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(16);
    private readonly Uri _address = new(
        string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Shell.FreePort()}/"));

    public PushEndpoint()
    {
        _listener.Prefixes.Add(_address.AbsoluteUri);
        _listener.Start();
        _ = Task.Run(ReceiveAsync);
    }

    /// <summary>The status that the push service answers with.</summary>
    public int Status { get; set; } = 201;

    /// <summary>The push service answers once this has completed.</summary>
    public Task Patience { get; set; } = Task.CompletedTask;

    public IReadOnlyList<byte[]> Bodies
    {
        get
        {
            lock (_bodies) return [.. _bodies];
        }
    }

    /// <summary>The body of <c>POST /v1/push-subscriptions</c>.</summary>
    public object Subscription => new
    {
        platform = "webpush",
        endpoint = new Uri(_address, "browser"),
        keys = new { p256dh = Base64Url.EncodeToString(Point), auth = Base64Url.EncodeToString(_secret) },
    };

    private byte[] Point =>
        _key.ExportParameters(includePrivateParameters: false).Q is var q ? [4, .. q.X!, .. q.Y!] : [];

    /// <exception cref="CryptographicException">The body was not encrypted for this browser.</exception>
    public JsonElement Read(byte[] body)
    {
        var (salt, sender, record) = (body[..16], body[21..86], body[86..]);
        using var other = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = sender[1..33], Y = sender[33..] },
        });
        var shared = _key.DeriveRawSecretAgreement(other.PublicKey);
        var input = HKDF.DeriveKey(
            HashAlgorithmName.SHA256, shared, 32, _secret, [.. "WebPush: info\0"u8, .. Point, .. sender]);
        var key = HKDF.DeriveKey(HashAlgorithmName.SHA256, input, 16, salt, [.. "Content-Encoding: aes128gcm\0"u8]);
        var nonce = HKDF.DeriveKey(HashAlgorithmName.SHA256, input, 12, salt, [.. "Content-Encoding: nonce\0"u8]);
        var plain = new byte[record.Length - 16];
        using var aes = new AesGcm(key, 16);
        aes.Decrypt(nonce, record.AsSpan(..^16), record.AsSpan(^16..), plain);
        return Json.Parse(Encoding.UTF8.GetString(plain, 0, Array.LastIndexOf(plain, (byte)2)));
    }

    public void Dispose()
    {
        _listener.Close();
        _key.Dispose();
    }

    private async Task ReceiveAsync()
    {
        while (true)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                lock (_bodies) _bodies.Add(body.ToArray());
                await Patience;
                context.Response.StatusCode = Status;
                context.Response.Close();
            }
            catch (Exception closed) when (
                closed is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                if (!_listener.IsListening) return; // Otherwise a client went away.
            }
        }
    }
}
