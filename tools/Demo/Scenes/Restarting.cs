using System.Diagnostics;
using System.Net.WebSockets;

namespace ChatCqrs.Demo.Scenes;

/// <summary>The server stops and starts again while a message waits.</summary>
public sealed class Restarting : IScene
{
    public string Title => "The server is restarted while a message waits";

    public async Task PlayAsync(Stage stage)
    {
        var (ada, ben) = (stage.Ada, stage.Ben);
        await ben.GoOfflineAsync();
        stage.Narrator.Does(ben.Name, "goes offline");
        const string Text = "I'll bring cake.";
        stage.Narrator.Says(ada.Name, Text, "");
        var written = await ada.SayAsync(ben.Id, Text);
        stage.Written.Add(written);
        stage.Narrator.Sent(ada.Name, $"seq {written.Seq}");

        var started = Stopwatch.GetTimestamp();
        stage.Narrator.Does("server", "is told to restart");
        await stage.RestartAsync();
        await ada.Socket.ClosedAsync("the server's goodbye");
        if (ada.Socket.Closed != WebSocketCloseStatus.EndpointUnavailable)
            throw new NotSeenException($"close code 1001 (server going away), but {ada.Socket.Closed}.");
        stage.Narrator.Saw(ada.Name, "is told goodbye: 1001, server going away");
        await ada.GoOfflineAsync();
        await stage.ReadyAsync();
        stage.Narrator.Saw("server", $"is back, {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s later");

        await ada.ComeOnlineAsync();
        if (await ada.SayAsync(ben.Id, Text, written.MessageId) != written)
            throw new NotSeenException("the first answer to a message that is sent again after the restart.");
        stage.Narrator.Saw(
            ada.Name, $"is online, sends it again to be sure, and gets the first answer: seq {written.Seq}");

        await ben.ComeOnlineAsync();
        await ben.GetMessageAsync(written);
        stage.Narrator.Gets(ben.Name, Text, $"seq {written.Seq}, it survived the restart");
        await ben.ConfirmAsync("read", stage.Conversation, written.Seq);
        await ada.ReceiptAsync(ben, stage.Conversation, "read_seq", written.Seq);
        await stage.ExpectStatusAsync(ada, written, "read");
        stage.Narrator.Read(ada.Name, $"up to seq {written.Seq}");
    }
}
