using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Push;

/// <summary>Decryption by the RFC's example and by an independent implementation.</summary>
public sealed class WebPushEncryptionTests
{
    [Fact]
    public void The_example_of_RFC_8291_comes_out()
    {
        // RFC 8291, appendix A.
        var receiver = Bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        var point = Bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        using var sender = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            D = Bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
            Q = new ECPoint { X = point[1..33], Y = point[33..] },
        });

        var body = WebPushEncryption.Encrypt(
            "When I grow up, I want to be a watermelon"u8, receiver, Bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            sender, Bytes("DGv6ra1nlYgDCS1FRnbzlw"));

        Assert.Equal(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
            + "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
            Base64Url.EncodeToString(body));
    }

    [SkippableFact]
    public async Task Http_ece_reads_it()
    {
        Skip.If(NodePackage.Missing is not null, NodePackage.Missing);
        const string script =
            """
            const ece = require('http_ece'), crypto = require('crypto');
            const [body, privateKey, authSecret] = process.argv.slice(1);
            const key = crypto.createECDH('prime256v1');
            key.setPrivateKey(privateKey, 'base64url');
            const options = { version: 'aes128gcm', privateKey: key, authSecret };
            process.stdout.write(ece.decrypt(Buffer.from(body, 'base64url'), options));
            """;
        using var browser = new Browser();
        const string text = """{"unread":3,"conversation_id":"5f0c1c1e-2a3b-8c4d-9e5f-60718293a4b5"}""";
        var body = WebPushEncryption.Encrypt(Encoding.UTF8.GetBytes(text), Bytes(browser.P256dh), Bytes(browser.Auth));

        using var node = NodePackage.Run(
            await NodePackage.InstallAsync("http_ece", "1.2.1"), script,
            Base64Url.EncodeToString(body), browser.PrivateKey, browser.Auth);
        var read = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();

        Assert.Equal((0, text), (node.ExitCode, read));
        Assert.Equal(text, Encoding.UTF8.GetString(browser.Read(body)));
    }

    [Fact]
    public void No_two_messages_have_the_same_key()
    {
        using var browser = new Browser();
        byte[] Encrypt() => WebPushEncryption.Encrypt("the same"u8, Bytes(browser.P256dh), Bytes(browser.Auth));

        var (one, other) = (Encrypt(), Encrypt());

        Assert.NotEqual(one[..16], other[..16]);
        Assert.NotEqual(one[21..86], other[21..86]);
        using var stranger = new Browser();
        Assert.ThrowsAny<CryptographicException>(() => stranger.Read(one));
    }

    private static byte[] Bytes(string text) => Base64Url.DecodeFromChars(text);
}
