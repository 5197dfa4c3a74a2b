namespace ChatCqrs.Demo.Scenes;

/// <summary>Waiting messages are delivered unasked, acknowledged, then read.</summary>
public sealed class ComingOnline : IScene
{
    public string Title => "Ben comes online";

    public async Task PlayAsync(Stage stage)
    {
        var (ada, ben) = (stage.Ada, stage.Ben);
        await ben.ComeOnlineAsync();
        stage.Narrator.Does(ben.Name, "is online");
        foreach (var written in stage.Written)
        {
            await ben.GetMessageAsync(written);
            stage.Narrator.Gets(ben.Name, written.Text, $"seq {written.Seq}, it was waiting");
        }

        await ben.Socket.NextAsync("synced", "the end of what was waiting for Ben");
        var last = stage.Written[^1];
        await ben.ConfirmAsync("delivered", stage.Conversation, last.Seq);
        await ada.ReceiptAsync(ben, stage.Conversation, "delivered_seq", last.Seq);
        await stage.ExpectStatusAsync(ada, last, "delivered");
        stage.Narrator.Delivered(ada.Name, $"up to seq {last.Seq}");

        await ben.ConfirmAsync("read", stage.Conversation, last.Seq);
        await ada.ReceiptAsync(ben, stage.Conversation, "read_seq", last.Seq);
        await stage.ExpectStatusAsync(ada, last, "read");
        stage.Narrator.Read(ada.Name, $"up to seq {last.Seq}");
    }
}
